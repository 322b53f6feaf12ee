//! The `prompt` parameter (Core §3.1.2.1).

use crate::protocol::error::OAuthError;
use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// One value of the `prompt` parameter (Core §3.1.2.1).
    Prompt {
        /// Show no page; fail if one is needed.
        None = "none",
        /// Authenticate again, session or not.
        Login = "login",
        /// Ask for consent again.
        Consent = "consent",
        /// Let the user choose an account.
        SelectAccount = "select_account",
    }
}

/// The values of a `prompt` parameter: `none` alone, or any of the others.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct PromptSet(Vec<Prompt>);

/// Why a `prompt` parameter is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PromptError {
    /// A value is not known.
    #[error("a prompt value is not known")]
    Unknown,
    /// `none` is combined with another value (Core §3.1.2.1).
    #[error("the prompt value `none` is combined with another")]
    NoneNotAlone,
}

impl PromptSet {
    /// Reads a `prompt` parameter; absent is the empty set.
    ///
    /// # Errors
    ///
    /// [`PromptError`].
    pub fn parse(prompt: Option<&str>) -> Result<Self, PromptError> {
        let mut values = Vec::new();
        for word in prompt.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
            let value: Prompt = word.parse().map_err(|_| PromptError::Unknown)?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        // Core §3.1.2.1: `none` with any other value is an error.
        if values.contains(&Prompt::None) && values.len() > 1 {
            return Err(PromptError::NoneNotAlone);
        }
        Ok(Self(values))
    }

    /// Whether the value was sent.
    pub fn contains(&self, prompt: Prompt) -> bool {
        self.0.contains(&prompt)
    }

    /// Whether no page may be shown.
    pub fn is_none(&self) -> bool {
        self.contains(Prompt::None)
    }

    /// Whether no value was sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<PromptError> for OAuthError {
    fn from(error: PromptError) -> Self {
        Self::invalid_request(match error {
            PromptError::Unknown => "The prompt parameter has an unknown value.",
            PromptError::NoneNotAlone => "The prompt value none cannot be combined with another.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_combine_in_any_order() {
        for prompt in ["login consent", "consent login", "consent login login"] {
            let set = PromptSet::parse(Some(prompt)).unwrap();
            assert!(
                set.contains(Prompt::Login) && set.contains(Prompt::Consent) && !set.is_none(),
                "{prompt}"
            );
        }
        assert!(PromptSet::parse(None).unwrap().is_empty());
        assert!(PromptSet::parse(Some("none")).unwrap().is_none());
        assert!(PromptSet::parse(Some("select_account")).unwrap().contains(Prompt::SelectAccount));
    }

    #[test]
    fn none_stands_alone_and_unknown_values_are_refused() {
        for prompt in ["none login", "consent none", "select_account none"] {
            assert_eq!(PromptSet::parse(Some(prompt)), Err(PromptError::NoneNotAlone), "{prompt}");
        }
        for prompt in ["LOGIN", "enroll_authenticator", "login,consent", "none\u{0}"] {
            assert_eq!(PromptSet::parse(Some(prompt)), Err(PromptError::Unknown), "{prompt}");
        }
    }
}
