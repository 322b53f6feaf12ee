//! What events are called: the sentence that administrators read, and the name that older clients of Okta's know.

/// What an event says to people.
pub(super) fn display_message(event_type: &str) -> String {
    let known = match event_type {
        "user.session.start" => "User login to Okta",
        "user.session.end" => "User logout from Okta",
        "user.session.clear" => "Clear user session",
        "user.authentication.slo" => "User single sign out from app",
        "user.authentication.universal_logout" => "Universal Logout",
        "user.authentication.auth_via_mfa" => "Authentication of user via MFA",
        "user.account.lock" => "Max sign in attempts exceeded",
        "user.account.unlock" => "User unlock account",
        "user.account.unlock_by_admin" => "User account unlock by admin",
        "user.account.unlock_token" => "Account unlock token created",
        "user.account.update_password" => "User update password for Okta",
        "user.account.reset_password" => "User reset password for Okta",
        "user.account.expire_password" => "Expire user password",
        "user.account.use_token" => "User account token was used",
        "user.account.update_profile" => "Update user profile for Okta",
        "user.lifecycle.create" => "Create Okta user",
        "user.lifecycle.activate" => "Activate Okta user",
        "user.lifecycle.reactivate" => "Reactivate Okta user",
        "user.lifecycle.deactivate" => "Deactivate Okta user",
        "user.lifecycle.suspend" => "Suspend Okta user",
        "user.lifecycle.unsuspend" => "Unsuspend Okta user",
        "user.lifecycle.delete.completed" => "Delete Okta user",
        "user.mfa.factor.activate" => "Activate factor for user",
        "user.mfa.factor.deactivate" => "Reset factor for user",
        "user.mfa.factor.reset_all" => "Reset all factors for user",
        "user.mfa.factor.update" => "Update factor for user",
        "policy.evaluate_sign_on" => "Evaluation of sign-on policy",
        "system.api_token.create" => "Create API token",
        "system.api_token.revoke" => "Revoke API token",
        "system.org.rate_limit.violation" => "Rate limit violation",
        "security.csrf_rejected" => "A form was refused",
        "system.config.change" => "Configuration was applied",
        _ => return sentence(event_type),
    };
    known.to_owned()
}

/// The words of a name: `app.oauth2.as.token.grant` is told as `App oauth2 as token grant`.
fn sentence(event_type: &str) -> String {
    let words = event_type.replace(['.', '_'], " ");
    let mut characters = words.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// The name of an event before the System Log API, where clients may still look for it.
pub(super) fn legacy(event_type: &str, outcome: &str) -> Option<&'static str> {
    Some(match (event_type, outcome) {
        ("user.session.start", "SUCCESS") => "core.user_auth.login_success",
        ("user.session.start", _) => "core.user_auth.login_failed",
        ("user.session.end", _) => "core.user_auth.logout_success",
        ("user.account.lock", _) => "core.user_auth.account_locked",
        ("user.account.update_password", _) => "core.user.config.password_update.success",
        ("user.account.update_profile", _) => "core.user.config.profile_update.success",
        ("user.lifecycle.create", _) => "core.user.config.user_creation.success",
        ("user.lifecycle.activate", _) => "core.user.config.user_activated",
        ("user.lifecycle.deactivate", _) => "core.user.config.user_deactivated",
        ("user.lifecycle.suspend", _) => "core.user.config.user_status.suspended",
        ("user.lifecycle.unsuspend", _) => "core.user.config.user_status.unsuspended",
        ("user.authentication.auth_via_mfa", _) => "core.user.factor.attempt_success",
        ("system.api_token.create", _) => "api.token.create",
        ("system.api_token.revoke", _) => "api.token.revoke",
        _ => return None,
    })
}
