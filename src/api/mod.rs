//! The JSON edge: OAuth and OpenID Connect endpoints that programs call. Handlers read the request, call one use case and
//! render its answer; every error gets its wire form here and nowhere earlier.

pub mod authn;
pub mod error;
pub mod json_body;
pub mod oidc;
mod paging;
pub mod payload;
pub mod v1;

use std::sync::Arc;

use poem_openapi::OpenApiService;

use crate::app::App;

/// The service of the OAuth and OpenID Connect endpoints.
pub fn service(app: Arc<App>) -> OpenApiService<oidc::Endpoints, ()> {
    OpenApiService::new(oidc::Endpoints::new(app), "Stepgate", env!("CARGO_PKG_VERSION"))
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

/// The service of Okta's management API.
pub fn management(app: Arc<App>) -> OpenApiService<Management, ()> {
    let all = (
        v1::sessions::Sessions::new(Arc::clone(&app)),
        v1::users::Users::new(Arc::clone(&app)),
        v1::user_factors::UserFactors::new(Arc::clone(&app)),
        v1::user_factors::BackupCodes::new(Arc::clone(&app)),
        v1::user_credentials::UserCredentials::new(Arc::clone(&app)),
        v1::factor_profiles::FactorProfiles::new(Arc::clone(&app)),
        v1::logs::Logs::new(app),
    );
    OpenApiService::new(all, "Stepgate", env!("CARGO_PKG_VERSION"))
}

/// The service of Okta's Authentication API.
pub fn authentication(app: Arc<App>) -> OpenApiService<authn::Endpoints, ()> {
    let endpoints = authn::endpoints(&authn::Served::new(app));
    OpenApiService::new(endpoints, "Stepgate", env!("CARGO_PKG_VERSION"))
}

/// The OpenAPI document of everything that is served.
pub fn openapi() -> String {
    let all = (
        oidc::Endpoints::detached(),
        v1::sessions::Sessions::detached(),
        v1::users::Users::detached(),
        v1::user_factors::UserFactors::detached(),
        v1::user_factors::BackupCodes::detached(),
        v1::user_credentials::UserCredentials::detached(),
        v1::factor_profiles::FactorProfiles::detached(),
        v1::logs::Logs::detached(),
        authn::endpoints(&authn::Served::detached()),
    );
    OpenApiService::new(all, "Stepgate", env!("CARGO_PKG_VERSION")).spec()
}
