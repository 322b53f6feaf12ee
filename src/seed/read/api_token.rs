//! API tokens.

use crate::{
    model::api_token::Access,
    secret::Secret,
    seed::{
        SeedError,
        document::{Place, Reference, Spot},
    },
};

pub(in crate::seed) struct ApiToken {
    pub(in crate::seed) name: String,
    pub(in crate::seed) user: Reference,
    pub(in crate::seed) access: Access,
    pub(in crate::seed) value: (Secret<String>, Spot),
    pub(in crate::seed) force: bool,
}

pub(super) fn api_token(place: &Place<'_>, force: bool) -> Result<ApiToken, SeedError> {
    let members = place.members(&["name", "user", "access", "value", "force"])?;
    let user = members.load("user")?;
    let value = members.load("value")?;
    Ok(ApiToken {
        name: members.load("name")?.text()?,
        user: Reference { name: user.text()?, spot: user.spot() },
        access: members.opt("access", |place| place.word("READ, MANAGE"))?.unwrap_or(Access::Read),
        value: (Secret::new(value.text()?), value.spot()),
        force: members.flag("force")?.unwrap_or(force),
    })
}
