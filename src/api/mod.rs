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

use http::header::AsHeaderName;
use poem::Request;
use poem_openapi::OpenApiService;

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
    v1::user_credentials::UserCredentials,
    v1::factor_profiles::FactorProfiles,
    v1::logs::Logs,
);

/// Okta's management API, for one application or for documentation alone.
fn management_of(served: &Served) -> Management {
    (
        v1::sessions::Sessions(served.clone()),
        v1::users::Users(served.clone()),
        v1::user_factors::UserFactors(served.clone()),
        v1::user_factors::BackupCodes(served.clone()),
        v1::user_credentials::UserCredentials(served.clone()),
        v1::factor_profiles::FactorProfiles(served.clone()),
        v1::logs::Logs(served.clone()),
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

/// The OpenAPI document of everything that is served.
pub fn openapi() -> String {
    let served = Served::detached();
    let all = (oidc::Endpoints(served.clone()), management_of(&served), authn::endpoints(&served));
    OpenApiService::new(all, "Stepgate", env!("CARGO_PKG_VERSION")).spec()
}
