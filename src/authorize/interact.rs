//! What still has to be asked of the user. Pure: the request, the session and what was answered so far come in.

use time::{Duration, OffsetDateTime};

use super::{checks::ValidRequest, flow::Progress};
use crate::{
    model::{
        assurance::{AuthenticationRequirement, Missing},
        session::Session,
    },
    protocol::{
        error::{ErrorCode, OAuthError},
        prompt::Prompt,
        scope::ScopeSet,
    },
};

/// What is missing before an answer can be given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Somebody has to sign in.
    Login,
    /// An account has to be chosen.
    ChooseAccount,
    /// The user of the session has to prove a further factor.
    Factor(AuthenticationRequirement),
    /// The user has to agree to these scopes.
    Consent(ScopeSet),
}

/// Whether the session is not good enough for the request.
fn login_needed(
    request: &ValidRequest,
    session: Option<&Session>,
    progress: &Progress,
    now: OffsetDateTime,
) -> bool {
    let Some(session) = session else { return true };
    if progress.authenticated.as_ref() == Some(&session.user_id) {
        return false;
    }
    // Core §3.1.2.2: a hint for another user never yields this user's session.
    if request.hinted_user.as_ref().is_some_and(|hinted| *hinted != session.user_id) {
        return true;
    }
    if progress.chosen.as_ref().is_some_and(|chosen| *chosen != session.user_id) {
        return true;
    }
    // Core §3.1.2.1: re-authenticate although a session exists; max_age=0 does the same.
    let too_old =
        |max_age: u32| max_age == 0 || now - session.auth_time > Duration::seconds(i64::from(max_age));
    request.prompts().contains(Prompt::Login) || request.max_age.is_some_and(too_old)
}

/// What is wanted of the user of a session beyond being signed in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// What must have been proved.
    pub requirement: AuthenticationRequirement,
    /// The scopes that the user still has to agree to.
    pub consent: ScopeSet,
}

/// What has to be asked next.
pub fn needs(
    request: &ValidRequest,
    session: Option<&Session>,
    progress: &Progress,
    wanted: Wanted,
    now: OffsetDateTime,
) -> Needs {
    let choose = request.prompts().contains(Prompt::SelectAccount)
        && progress.chosen.is_none()
        && progress.authenticated.is_none();
    if choose {
        return Needs::ChooseAccount;
    }
    if login_needed(request, session, progress, now) {
        return Needs::Login;
    }
    let factors = session.map(|session| session.factors.as_slice()).unwrap_or_default();
    match wanted.requirement.missing(factors, &[]) {
        // RFC 9470 §5: just what is missing is asked for.
        Missing::Possession => return Needs::Factor(wanted.requirement),
        // Nothing that anybody could prove gets further: the request is not let through by signing in again either.
        Missing::Password => return Needs::Login,
        Missing::Nothing => {}
    }
    if wanted.consent.is_empty() { Needs::Nothing } else { Needs::Consent(wanted.consent) }
}

/// What `prompt=none` answers instead of asking (Core §3.1.2.6).
///
/// # Errors
/// Whatever would have to be asked.
pub fn without_asking(needs: &Needs) -> Result<(), OAuthError> {
    match needs {
        Needs::Nothing => Ok(()),
        Needs::Login => Err(OAuthError::new(ErrorCode::LoginRequired, "The user is not signed in.")),
        Needs::ChooseAccount => {
            Err(OAuthError::new(ErrorCode::AccountSelectionRequired, "The user has to choose an account."))
        }
        Needs::Factor(_) => {
            Err(OAuthError::new(ErrorCode::InteractionRequired, "The user has to prove another factor."))
        }
        Needs::Consent(_) => {
            Err(OAuthError::new(ErrorCode::ConsentRequired, "The user has to give consent."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authorize::destination::Destination,
        id::{AuthorizationServerId, ClientId, SessionId, UserId},
        protocol::{claims_request::ClaimsRequest, response_mode::ResponseMode, response_type::ResponseType},
    };

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    fn request(prompt: Option<&str>, max_age: Option<u32>, hinted: Option<&str>) -> ValidRequest {
        ValidRequest {
            server_id: AuthorizationServerId::new("default"),
            client_id: ClientId::new("c"),
            destination: Destination {
                redirect_uri: "https://app.example/cb".to_owned(),
                redirect_uri_sent: true,
                response_mode: ResponseMode::Query,
                state: None,
                iss: String::new(),
                server_id: AuthorizationServerId::new("default"),
                client_id: ClientId::new("c"),
            },
            response_type: ResponseType::Code,
            scope: ScopeSet::parse("openid").unwrap(),
            nonce: None,
            prompt: prompt.map(ToOwned::to_owned),
            max_age,
            acr_values: vec![],
            login_hint: None,
            hinted_user: hinted.map(UserId::new),
            dpop_jkt: None,
            code_challenge: None,
            ui_locales: vec![],
            pushed: None,
            claims: ClaimsRequest::default(),
            resource: vec![],
        }
    }

    fn session(user: &str) -> Session {
        Session {
            id: SessionId::new("s"),
            user_id: UserId::new(user),
            auth_time: at(0),
            factors: vec![],
            created_at: at(0),
            last_seen_at: at(0),
            expires_at: at(10_000),
            ended_at: None,
            idle_lifetime: None,
            cookie: crate::model::session::CookieLifetime::Browser,
            remembered: None,
        }
    }

    fn ask(request: &ValidRequest, session: Option<&Session>, progress: &Progress) -> Needs {
        needs(request, session, progress, Wanted::default(), at(100))
    }

    #[test]
    fn a_live_session_needs_nothing_and_none_needs_a_login() {
        let progress = Progress::default();
        assert_eq!(ask(&request(None, None, None), Some(&session("u")), &progress), Needs::Nothing);
        assert_eq!(ask(&request(None, None, None), None, &progress), Needs::Login);
    }

    #[test]
    fn prompt_login_and_max_age_ask_again_until_this_flow_saw_credentials() {
        let fresh = Progress { authenticated: Some(UserId::new("u")), ..Progress::default() };
        for request in
            [request(Some("login"), None, None), request(None, Some(99), None), request(None, Some(0), None)]
        {
            assert_eq!(ask(&request, Some(&session("u")), &Progress::default()), Needs::Login);
            assert_eq!(ask(&request, Some(&session("u")), &fresh), Needs::Nothing);
        }
        assert_eq!(
            ask(&request(None, Some(100), None), Some(&session("u")), &Progress::default()),
            Needs::Nothing
        );
    }

    #[test]
    fn a_hint_for_another_user_never_yields_this_session() {
        let progress = Progress::default();
        assert_eq!(ask(&request(None, None, Some("other")), Some(&session("u")), &progress), Needs::Login);
        assert_eq!(ask(&request(None, None, Some("u")), Some(&session("u")), &progress), Needs::Nothing);
    }

    #[test]
    fn the_missing_factor_is_asked_for_after_the_sign_in_and_before_consent() {
        use crate::{
            model::{assurance::Assurance, session::VerifiedFactor},
            protocol::acr::Acr,
        };
        let requirement = AuthenticationRequirement::default().and(Assurance::of_session(Acr::TwoFactorAny));
        let consent = ScopeSet::parse("openid").unwrap();
        let wanted = || Wanted { requirement: requirement.clone(), consent: consent.clone() };
        let proof = |amr: &str| VerifiedFactor { amr: vec![amr.to_owned()], at: at(0), factor_id: None };
        let with = |methods: &[&str]| Session {
            factors: methods.iter().map(|method| proof(method)).collect(),
            ..session("u")
        };
        let progress = Progress::default();
        let plain = request(None, None, None);
        let ask = |request: &ValidRequest, methods: &[&str]| {
            needs(request, Some(&with(methods)), &progress, wanted(), at(100))
        };
        assert_eq!(ask(&request(Some("login"), None, None), &["pwd"]), Needs::Login);
        assert_eq!(ask(&plain, &["pwd"]), Needs::Factor(requirement.clone()));
        assert_eq!(ask(&plain, &["sms"]), Needs::Login);
        assert_eq!(ask(&plain, &["pwd", "sms"]), Needs::Consent(consent.clone()));
        let error = without_asking(&ask(&plain, &["pwd"])).unwrap_err();
        assert_eq!(error.code, ErrorCode::InteractionRequired);
    }

    #[test]
    fn select_account_asks_once_and_another_account_signs_in() {
        let asked = request(Some("select_account"), None, None);
        assert_eq!(ask(&asked, Some(&session("u")), &Progress::default()), Needs::ChooseAccount);
        let chosen = |user| Progress { chosen: Some(UserId::new(user)), ..Progress::default() };
        assert_eq!(ask(&asked, Some(&session("u")), &chosen("u")), Needs::Nothing);
        assert_eq!(ask(&asked, Some(&session("u")), &chosen("v")), Needs::Login);
    }
}
