//! `prompt` (OpenID Connect Core §3.1.2.1).

use super::{Draft, Facts};
use crate::protocol::{error::OAuthError, prompt::PromptSet};

pub(super) fn check(facts: &Facts<'_>, _: &mut Draft) -> Result<(), OAuthError> {
    PromptSet::parse(facts.request.prompt.as_deref())?;
    Ok(())
}
