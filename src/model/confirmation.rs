//! The key that a token is bound to (RFC 7800 §3.1): whoever uses the token proves to hold it.

use serde::{Deserialize, Serialize};

/// `cnf`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Confirmation {
    /// The thumbprint of a DPoP key (RFC 9449 §6.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// The SHA-256 thumbprint of a client certificate (RFC 8705 §3.1).
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

impl Confirmation {
    /// Bound to a DPoP key.
    pub fn dpop(jkt: impl Into<String>) -> Self {
        Self { jkt: Some(jkt.into()), x5t_s256: None }
    }

    /// Bound to a client certificate.
    pub fn certificate(x5t_s256: impl Into<String>) -> Self {
        Self { jkt: None, x5t_s256: Some(x5t_s256.into()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_bound_is_written() {
        assert_eq!(serde_json::to_value(Confirmation::dpop("a")).unwrap(), json!({"jkt": "a"}));
        assert_eq!(serde_json::to_value(Confirmation::certificate("a")).unwrap(), json!({"x5t#S256": "a"}));
    }
}
