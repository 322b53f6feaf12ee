//! `[logs]`: what is written down.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::telemetry::LogFormat;

/// What is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// `json` or `pretty`.
    pub format: LogFormat,
    /// Which events to write, like `info` or `info,stepgate=debug`.
    pub filter: String,
    /// How long system log events are kept.
    #[serde(with = "super::duration")]
    pub system_log_retention: Duration,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            filter: "info,sea_orm_migration=warn".to_owned(),
            system_log_retention: Duration::from_secs(90 * 86_400),
        }
    }
}
