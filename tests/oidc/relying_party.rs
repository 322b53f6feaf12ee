//! The provider as an independent relying-party library meets it: the unmodified `openidconnect` crate.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
};

use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, ConfigurationError, CsrfToken, DeviceAuthorizationUrl,
    DeviceCodeErrorResponseType, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IntrospectionUrl, IssuerUrl, LogoutProviderMetadata, LogoutRequest, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadata, RedirectUrl,
    RequestTokenError, RevocationUrl, Scope, TokenIntrospectionResponse, TokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
        CoreClientAuthMethod, CoreDeviceAuthorizationResponse, CoreErrorResponseType, CoreGrantType,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
        CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
    },
};
use serde::{Deserialize, Serialize};

use crate::support::{
    Test, TestApp,
    device::{TV, devices},
    fixtures::{ALICE, OTHER, POST_LOGOUT_REDIRECT_URI, REDIRECT_URI, SECRET, WEB},
    http::Browser,
    op::answer,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            the_library_signs_a_user_in_and_uses_the_tokens;
        sqlite:
            the_library_works_with_the_org_issuer,
            the_library_refuses_another_nonce_audience_or_issuer,
            the_library_refuses_an_issuer_that_is_not_the_one_it_asked,
            the_library_sees_a_replayed_code_and_a_wrong_verifier_refused,
            the_library_revokes_and_the_tokens_are_dead,
            the_library_logs_out_and_comes_back,
            the_library_gets_tokens_on_a_device_when_the_user_approves_elsewhere,
            the_library_is_told_that_the_user_denied,
    ]
}

/// What the library does not know of the metadata (RFC 8414 §2).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Endpoints {
    introspection_endpoint: IntrospectionUrl,
    revocation_endpoint: RevocationUrl,
    device_authorization_endpoint: DeviceAuthorizationUrl,
}

impl AdditionalProviderMetadata for Endpoints {}

pub(super) type Metadata = ProviderMetadata<
    LogoutProviderMetadata<Endpoints>,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Library =
    CoreClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointMaybeSet, EndpointMaybeSet>;

pub(super) type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, reqwest::Error>> + Send>>;

/// The library's transport: no redirects. The library revokes at `https` addresses only, so those of the test's
/// server are carried over http, as behind a proxy that ends TLS.
pub(super) fn transport() -> impl Fn(HttpRequest) -> Answer {
    #[expect(clippy::disallowed_methods, reason = "the client of a test, not of the application")]
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    move |mut request| {
        let plain = request.uri().to_string().replacen("https://localhost", "http://localhost", 1);
        *request.uri_mut() = plain.parse().unwrap();
        let client = client.clone();
        Box::pin(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut response = http::Response::builder().status(answer.status());
            response.headers_mut().unwrap().extend(answer.headers().clone());
            Ok(response.body(answer.bytes().await?.to_vec()).unwrap())
        })
    }
}

fn issuer(app: &TestApp, server: &str) -> IssuerUrl {
    let issuer = if server == "org" { app.issuer.clone() } else { app.url(&format!("/oauth2/{server}")) };
    IssuerUrl::new(issuer).unwrap()
}

pub(super) async fn discover(app: &TestApp, server: &str) -> Metadata {
    Metadata::discover_async(issuer(app, server), &transport()).await.unwrap()
}

fn library(metadata: &Metadata, client: &str) -> Library {
    let endpoints = metadata.additional_metadata().additional_metadata.clone();
    let revocation = endpoints.revocation_endpoint.as_str().replacen("http:", "https:", 1);
    CoreClient::from_provider_metadata(
        metadata.clone(),
        ClientId::new(client.to_owned()),
        Some(ClientSecret::new(SECRET.to_owned())),
    )
    .set_introspection_url(endpoints.introspection_endpoint)
    .set_revocation_url(RevocationUrl::new(revocation).unwrap())
    .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned()).unwrap())
}

/// What a relying party keeps while its user is away.
struct Pending {
    code: AuthorizationCode,
    verifier: PkceCodeVerifier,
    nonce: Nonce,
}

/// Sends a user to the provider with everything the library proposes, and takes the code back.
async fn authorize(app: &TestApp, library: &Library) -> Pending {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = library
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["profile", "email", "offline_access"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let mut browser = Browser::new();
    app.sign_in(&mut browser, url.as_str(), ALICE).await;
    let answer = answer(&browser);
    assert!(browser.url().as_str().starts_with(REDIRECT_URI), "{}", browser.url());
    assert_eq!(answer["state"], *state.secret());
    Pending { code: AuthorizationCode::new(answer["code"].clone()), verifier, nonce }
}

async fn redeem(library: &Library, pending: Pending) -> (CoreTokenResponse, Nonce) {
    let tokens = library
        .exchange_code(pending.code)
        .unwrap()
        .set_pkce_verifier(pending.verifier)
        .request_async(&transport())
        .await
        .unwrap();
    (tokens, pending.nonce)
}

/// Discovery, code with PKCE, ID token with nonce and `at_hash`, userinfo, refresh and introspection (OpenID Connect
/// Core §3.1, §5.3, §12; Discovery §4; RFC 7636; RFC 7662).
async fn the_library_signs_a_user_in_and_uses_the_tokens(app: TestApp) {
    everything(&app, "default").await;
}

/// The same at the org authorization server, whose issuer has no path.
async fn the_library_works_with_the_org_issuer(app: TestApp) {
    everything(&app, "org").await;
}

async fn everything(app: &TestApp, server: &str) {
    let metadata = discover(app, server).await;
    assert_eq!(*metadata.issuer(), issuer(app, server));
    let library = library(&metadata, WEB);
    let pending = authorize(app, &library).await;
    let (tokens, nonce) = redeem(&library, pending).await;

    let verifier = library.id_token_verifier();
    let id_token = tokens.id_token().unwrap();
    let claims = id_token.claims(&verifier, &nonce).unwrap();
    let key = id_token.signing_key(&verifier).unwrap();
    let algorithm = id_token.signing_alg().unwrap();
    // Core §3.1.3.6: `at_hash` binds the access token to the ID token.
    let at_hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&at_hash));
    assert!(claims.auth_time().is_some());

    let subject = claims.subject().clone();
    let access_token = tokens.access_token().clone();
    let userinfo: CoreUserInfoClaims = library
        .user_info(access_token.clone(), Some(subject.clone()))
        .unwrap()
        .request_async(&transport())
        .await
        .unwrap();
    assert_eq!(userinfo.email().unwrap().as_str(), ALICE);
    assert_eq!(userinfo.given_name().unwrap().get(None).unwrap().as_str(), "Alice");

    let introspection = library.introspect(&access_token).request_async(&transport()).await.unwrap();
    assert!(introspection.active());
    assert_eq!(introspection.client_id().unwrap().as_str(), WEB);

    let refreshed = library
        .exchange_refresh_token(tokens.refresh_token().unwrap())
        .unwrap()
        .request_async(&transport())
        .await
        .unwrap();
    // Core §12.2: the same issuer, subject and audience; a nonce need not be repeated.
    let again = refreshed.id_token().unwrap().claims(&verifier, |_: Option<&Nonce>| Ok(())).unwrap();
    assert_eq!(*again.subject(), subject);
    assert_ne!(refreshed.access_token().secret(), access_token.secret());
}

/// OpenID Connect Core §3.1.3.7: a token is refused where nonce, audience or issuer are not the expected ones.
async fn the_library_refuses_another_nonce_audience_or_issuer(app: TestApp) {
    let metadata = discover(&app, "default").await;
    let web = library(&metadata, WEB);
    let pending = authorize(&app, &web).await;
    let (tokens, nonce) = redeem(&web, pending).await;
    let id_token = tokens.id_token().unwrap();
    assert!(id_token.claims(&web.id_token_verifier(), &nonce).is_ok());

    let another = id_token.claims(&web.id_token_verifier(), &Nonce::new("another".to_owned()));
    assert!(matches!(another, Err(ClaimsVerificationError::InvalidNonce(_))), "{another:?}");

    let other = library(&metadata, OTHER);
    let another = id_token.claims(&other.id_token_verifier(), &nonce);
    assert!(matches!(another, Err(ClaimsVerificationError::InvalidAudience(_))), "{another:?}");

    let org = library(&discover(&app, "org").await, WEB);
    let another = id_token.claims(&org.id_token_verifier(), &nonce);
    assert!(matches!(another, Err(ClaimsVerificationError::InvalidIssuer(_))), "{another:?}");
}

/// Discovery §4.3: the metadata's issuer is exactly the one that was asked for, a trailing slash included.
async fn the_library_refuses_an_issuer_that_is_not_the_one_it_asked(app: TestApp) {
    assert!(Metadata::discover_async(issuer(&app, "default"), &transport()).await.is_ok());
    let with_slash = IssuerUrl::new(app.url("/oauth2/default/")).unwrap();
    assert!(Metadata::discover_async(with_slash, &transport()).await.is_err());
    assert!(Metadata::discover_async(issuer(&app, "no-such-server"), &transport()).await.is_err());
}

/// RFC 6749 §4.1.2, RFC 7636 §4.6: the library reads the refusals as `invalid_grant`.
async fn the_library_sees_a_replayed_code_and_a_wrong_verifier_refused(app: TestApp) {
    let library = library(&discover(&app, "default").await, WEB);
    let pending = authorize(&app, &library).await;
    let (_, another) = PkceCodeChallenge::new_random_sha256();
    assert_invalid_grant(&library, pending.code, another).await;

    let pending = authorize(&app, &library).await;
    let (code, verifier) = (pending.code.clone(), PkceCodeVerifier::new(pending.verifier.secret().clone()));
    redeem(&library, pending).await;
    assert_invalid_grant(&library, code, verifier).await;
}

async fn assert_invalid_grant(library: &Library, code: AuthorizationCode, verifier: PkceCodeVerifier) {
    let refused = library
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(verifier)
        .request_async(&transport())
        .await
        .unwrap_err();
    let RequestTokenError::ServerResponse(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(*refused.error(), CoreErrorResponseType::InvalidGrant);
}

/// RFC 7009 §2: revoking the refresh token ends the grant with its access tokens.
async fn the_library_revokes_and_the_tokens_are_dead(app: TestApp) {
    let metadata = discover(&app, "default").await;
    let library = library(&metadata, WEB);
    let pending = authorize(&app, &library).await;
    let (tokens, _) = redeem(&library, pending).await;
    let plain = library
        .clone()
        .set_revocation_url(metadata.additional_metadata().additional_metadata.revocation_endpoint.clone());
    let refresh_token = tokens.refresh_token().unwrap();
    assert!(matches!(
        plain.revoke_token(refresh_token.into()).map(|_| ()),
        Err(ConfigurationError::InsecureUrl(_))
    ));

    assert!(library.introspect(tokens.access_token()).request_async(&transport()).await.unwrap().active());
    library.revoke_token(refresh_token.into()).unwrap().request_async(&transport()).await.unwrap();
    assert!(!library.introspect(tokens.access_token()).request_async(&transport()).await.unwrap().active());
    let refused =
        library.exchange_refresh_token(refresh_token).unwrap().request_async(&transport()).await.unwrap_err();
    let RequestTokenError::ServerResponse(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(*refused.error(), CoreErrorResponseType::InvalidGrant);
}

/// RP-Initiated Logout §2, §3: the library's URL ends the session and returns with `state`.
async fn the_library_logs_out_and_comes_back(app: TestApp) {
    let metadata = discover(&app, "default").await;
    let library = library(&metadata, WEB);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, _, nonce) = library
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .set_pkce_challenge(challenge)
        .url();
    let mut browser = Browser::new();
    app.sign_in(&mut browser, url.as_str(), ALICE).await;
    let code = AuthorizationCode::new(answer(&browser)["code"].clone());
    let (tokens, _) = redeem(&library, Pending { code, verifier, nonce }).await;

    let endpoint = metadata.additional_metadata().end_session_endpoint.clone().unwrap();
    let url = LogoutRequest::from(endpoint)
        .set_id_token_hint(tokens.id_token().unwrap())
        .set_client_id(ClientId::new(WEB.to_owned()))
        .set_post_logout_redirect_uri(
            PostLogoutRedirectUrl::new(POST_LOGOUT_REDIRECT_URI.to_owned()).unwrap(),
        )
        .set_state(CsrfToken::new("bye".to_owned()))
        .http_get_url();
    browser.open(url.as_str()).await;
    assert!(browser.url().as_str().starts_with(POST_LOGOUT_REDIRECT_URI), "{}", browser.url());
    assert_eq!(answer(&browser)["state"], "bye");
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
}

/// What a user does elsewhere while a device waits.
struct Waiting<'a> {
    app: &'a TestApp,
    codes: CoreDeviceAuthorizationResponse,
    decision: &'static str,
    waits: AtomicU32,
}

impl Waiting<'_> {
    /// One interval later. Nothing has happened after the first; during the second the user decides.
    async fn interval(&self, interval: std::time::Duration) {
        self.app.clock.advance(i64::try_from(interval.as_secs()).unwrap());
        if self.waits.fetch_add(1, Ordering::SeqCst) == 1 {
            self.app.decide(self.codes.user_code().secret(), ALICE, self.decision).await;
        }
    }
}

/// The library with the endpoint of the device grant.
type DeviceLibrary =
    CoreClient<EndpointSet, EndpointSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The library on a device that keeps no secret.
async fn device_library(app: &TestApp) -> DeviceLibrary {
    devices(app).await;
    let metadata = discover(app, "default").await;
    let endpoint = metadata.additional_metadata().additional_metadata.device_authorization_endpoint.clone();
    CoreClient::from_provider_metadata(metadata, ClientId::new(TV.to_owned()), None)
        .set_device_authorization_url(endpoint)
        .set_auth_type(AuthType::RequestBody)
}

/// RFC 8628 §3.2, §3.5: the library shows a code, asks at the interval that it is told, is told `authorization_pending`,
/// and gets the user's tokens once they approve on another machine.
async fn the_library_gets_tokens_on_a_device_when_the_user_approves_elsewhere(app: TestApp) {
    let library = device_library(&app).await;
    let request = library.exchange_device_code().add_scope(Scope::new("email".to_owned()));
    let codes: CoreDeviceAuthorizationResponse = request.request_async(&transport()).await.unwrap();
    assert!(codes.verification_uri_complete().unwrap().secret().contains(codes.user_code().secret()));

    let waiting = Waiting { app: &app, codes, decision: "approve", waits: AtomicU32::new(0) };
    let tokens = library
        .exchange_device_access_token(&waiting.codes)
        .unwrap()
        .request_async(&transport(), |interval| waiting.interval(interval), None)
        .await
        .unwrap();

    assert_eq!(waiting.waits.into_inner(), 2);
    let claims = tokens.id_token().unwrap().claims(&library.id_token_verifier(), |_: Option<&Nonce>| Ok(()));
    let userinfo: CoreUserInfoClaims = library
        .user_info(tokens.access_token().clone(), Some(claims.unwrap().subject().clone()))
        .unwrap()
        .request_async(&transport())
        .await
        .unwrap();
    assert_eq!(userinfo.email().unwrap().as_str(), ALICE);
}

/// RFC 8628 §3.5: `access_denied` ends the library's waiting.
async fn the_library_is_told_that_the_user_denied(app: TestApp) {
    let library = device_library(&app).await;
    let codes: CoreDeviceAuthorizationResponse =
        library.exchange_device_code().request_async(&transport()).await.unwrap();
    let waiting = Waiting { app: &app, codes, decision: "deny", waits: AtomicU32::new(0) };
    let refused = library
        .exchange_device_access_token(&waiting.codes)
        .unwrap()
        .request_async(&transport(), |interval| waiting.interval(interval), None)
        .await
        .unwrap_err();
    let RequestTokenError::ServerResponse(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(*refused.error(), DeviceCodeErrorResponseType::AccessDenied);
}
