//! Where a user is reached, and what every user is told of.

use crate::{
    app::App,
    fault::Fault,
    message::{self, Content, Destination},
    model::user::User,
    store::unit::Unit,
};

/// The user's own mail addresses: the primary one first, then `secondEmail`.
pub fn mail_addresses(user: &User) -> Vec<&str> {
    let mut addresses: Vec<&str> =
        ["email", "secondEmail"].into_iter().filter_map(|name| user.profile.text(name)).collect();
    addresses.dedup();
    addresses
}

/// Adds a mail to each of the user's addresses to the unit that decides it; a user without an address gets none.
///
/// # Errors
/// A message could not be sealed.
pub fn mail(app: &App, mut unit: Unit, user: &User, content: &Content) -> Result<Unit, Fault> {
    for address in mail_addresses(user) {
        unit = unit.row(message::row(app, user, Destination::Email(address.to_owned()), content.clone())?);
    }
    Ok(unit)
}
