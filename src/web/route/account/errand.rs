//! What a visit of the account page is for: where it goes on after a sign-in, or after somebody showed a factor again.

use crate::{id::FactorId, web::account::PATH};

/// A page of the account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::web::route) enum Target {
    /// The first.
    Overview,
    /// What happened.
    Activity,
    /// A factor is added.
    AddMethod,
    /// A factor is renamed or removed.
    Method(FactorId),
    /// A factor is proved for the first time.
    Activate(FactorId),
    /// The password is changed.
    Password,
    /// Recovery codes are made.
    RecoveryCodes,
}

impl Target {
    /// Where it is.
    pub(in crate::web::route) fn path(&self) -> String {
        match self {
            Self::Overview => PATH.to_owned(),
            Self::Activity => format!("{PATH}/activity"),
            Self::AddMethod => format!("{PATH}/methods/add"),
            Self::Method(id) => format!("{PATH}/methods/{id}"),
            Self::Activate(id) => format!("{PATH}/methods/{id}/activate"),
            Self::Password => format!("{PATH}/password"),
            Self::RecoveryCodes => format!("{PATH}/recovery-codes"),
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Overview => "overview".to_owned(),
            Self::Activity => "activity".to_owned(),
            Self::AddMethod => "add".to_owned(),
            Self::Method(id) => format!("method-{id}"),
            Self::Activate(id) => format!("activate-{id}"),
            Self::Password => "password".to_owned(),
            Self::RecoveryCodes => "codes".to_owned(),
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        Some(match key {
            "overview" => Self::Overview,
            "activity" => Self::Activity,
            "add" => Self::AddMethod,
            "password" => Self::Password,
            "codes" => Self::RecoveryCodes,
            key => match key.split_once('-')? {
                ("method", id) => Self::Method(factor_id(id)?),
                ("activate", id) => Self::Activate(factor_id(id)?),
                _ => return None,
            },
        })
    }
}

/// An id as it may stand in an address of ours, and nothing that leads elsewhere.
fn factor_id(text: &str) -> Option<FactorId> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then(|| FactorId::new(text))
}

/// How the names of errands begin.
const PREFIX: &str = "acc-";

/// A target under the name that links, forms and state tokens know it by. There is one of each in a browser: whoever begins
/// anew leaves nothing behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::web::route) struct Errand {
    name: String,
    target: Target,
}

impl Errand {
    /// The errand to a page.
    pub(in crate::web::route) fn to(target: Target) -> Self {
        Self { name: format!("{PREFIX}{}", target.key()), target }
    }

    /// The errand of a name.
    pub(in crate::web::route) fn named(name: &str) -> Option<Self> {
        name.strip_prefix(PREFIX).and_then(Target::from_key).map(Self::to)
    }

    /// Its name.
    pub(in crate::web::route) fn name(&self) -> &str {
        &self.name
    }

    /// Where it goes on.
    pub(in crate::web::route) fn path(&self) -> String {
        self.target.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_is_found_by_its_name_and_leads_to_pages_of_the_account_only() {
        let id = || FactorId::new("ost1");
        for target in [
            Target::Overview,
            Target::Activity,
            Target::AddMethod,
            Target::Method(id()),
            Target::Activate(id()),
            Target::Password,
            Target::RecoveryCodes,
        ] {
            let errand = Errand::to(target);
            assert_eq!(Errand::named(errand.name()), Some(errand.clone()));
            assert!(errand.path() == PATH || errand.path().starts_with("/account/"), "{}", errand.path());
        }
        for bad in [
            "",
            "acc-",
            "acc-elsewhere",
            "acc-method-",
            "acc-method-../../x",
            "acc-method-a?b",
            "acc-activate-//evil.example",
            "flw1",
            "overview",
        ] {
            assert_eq!(Errand::named(bad), None, "{bad}");
        }
        assert_eq!(Errand::named(&format!("acc-method-{}", "a".repeat(65))), None);
    }
}
