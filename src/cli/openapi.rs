//! `stepgate openapi`: the document that describes the API.

use super::{CliError, output};

#[expect(clippy::unnecessary_wraps, reason = "every subcommand has the same shape")]
pub(super) fn run() -> Result<(), CliError> {
    output::print(crate::api::openapi().trim_end());
    Ok(())
}
