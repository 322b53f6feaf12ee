//! The JSON edge: OAuth and OpenID Connect endpoints that programs call. Handlers read the request, call one use case and
//! render its answer; every error gets its wire form here and nowhere earlier.

pub mod error;
pub mod json_body;
pub mod oidc;
pub mod payload;

use std::sync::Arc;

use poem_openapi::OpenApiService;

use crate::app::App;

/// The service of the OAuth and OpenID Connect endpoints.
pub fn service(app: Arc<App>) -> OpenApiService<oidc::Endpoints, ()> {
    OpenApiService::new(oidc::Endpoints::new(app), "Stepgate", env!("CARGO_PKG_VERSION"))
}

/// The OpenAPI document of everything that is served.
pub fn openapi() -> String {
    OpenApiService::new(oidc::Endpoints::detached(), "Stepgate", env!("CARGO_PKG_VERSION")).spec()
}
