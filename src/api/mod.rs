//! The JSON edge: OAuth and OpenID Connect endpoints that programs call. Handlers read the request, call one use case and
//! render its answer; every error gets its wire form here and nowhere earlier.

pub mod authn;
pub mod error;
pub mod json_body;
pub mod oidc;
mod paging;
pub mod payload;
mod served;
pub mod v1;

use std::sync::Arc;

use http::{Method, header::AsHeaderName};
use poem::Request;
use poem_openapi::{OpenApi, OpenApiService};

pub use served::Served;

use crate::app::App;

/// One header as text.
fn header_text(request: &Request, name: impl AsHeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The service of the OAuth and OpenID Connect endpoints.
pub fn service(app: Arc<App>) -> OpenApiService<oidc::Endpoints, ()> {
    OpenApiService::new(oidc::Endpoints(Served::new(app)), "Stepgate", env!("CARGO_PKG_VERSION"))
}

/// The parts of Okta's management API.
pub type Management = (
    v1::sessions::Sessions,
    v1::users::Users,
    v1::user_factors::UserFactors,
    v1::user_factors::BackupCodes,
    v1::user_factors::PushFactors,
    v1::user_credentials::UserCredentials,
    v1::api_tokens::ApiTokens,
    v1::factor_profiles::FactorProfiles,
    v1::yubikey_tokens::YubikeyTokens,
    v1::logs::Logs,
    v1::authenticator::Authenticator,
);

/// Okta's management API, for one application or for documentation alone.
fn management_of(served: &Served) -> Management {
    (
        v1::sessions::Sessions(served.clone()),
        v1::users::Users(served.clone()),
        v1::user_factors::UserFactors(served.clone()),
        v1::user_factors::BackupCodes(served.clone()),
        v1::user_factors::PushFactors(served.clone()),
        v1::user_credentials::UserCredentials(served.clone()),
        v1::api_tokens::ApiTokens(served.clone()),
        v1::factor_profiles::FactorProfiles(served.clone()),
        v1::yubikey_tokens::YubikeyTokens(served.clone()),
        v1::logs::Logs(served.clone()),
        v1::authenticator::Authenticator(served.clone()),
    )
}

/// The service of Okta's management API.
pub fn management(app: Arc<App>) -> OpenApiService<Management, ()> {
    OpenApiService::new(management_of(&Served::new(app)), "Stepgate", env!("CARGO_PKG_VERSION"))
}

/// The service of Okta's Authentication API.
pub fn authentication(app: Arc<App>) -> OpenApiService<authn::Endpoints, ()> {
    OpenApiService::new(authn::endpoints(&Served::new(app)), "Stepgate", env!("CARGO_PKG_VERSION"))
}

/// Every path that is served, with its methods.
pub fn methods() -> Vec<(String, Vec<Method>)> {
    let all = [oidc::Endpoints::meta(), Management::meta(), authn::Endpoints::meta()];
    let paths = all.into_iter().flatten().flat_map(|api| api.paths);
    paths
        .map(|path| (path.path, path.operations.into_iter().map(|operation| operation.method).collect()))
        .collect()
}

/// The OpenAPI document of everything that is served.
pub fn openapi() -> String {
    let served = Served::detached();
    let all = (oidc::Endpoints(served.clone()), management_of(&served), authn::endpoints(&served));
    OpenApiService::new(all, "Stepgate", env!("CARGO_PKG_VERSION")).spec()
}
