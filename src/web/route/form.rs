//! What browsers send to our own pages, read before a handler runs: a link with the name of what it is about, or a form
//! that this browser was given for the address it is sent to (RFC 9700 §4.7). Whatever is wrong with it is answered here.

use std::sync::Arc;

use poem::{Error, FromRequest, Request, RequestBody, Result, web::Data};

use super::{
    answer::{csrf_rejected, fault_page, flow_error},
    visit::{Visit, is_cross_site},
};
use crate::{
    app::App,
    authorize::flow::FlowError,
    protocol::params::{Params, is_form},
    syslog::Caller,
};

/// What a page is about.
pub(super) trait About: Sized + Send {
    /// Loads what the link or form names.
    ///
    /// # Errors
    /// There is nothing of that name for this browser, or a fault.
    fn load(
        visit: &Visit<'_>,
        name: Option<&str>,
    ) -> impl Future<Output = std::result::Result<Self, FlowError>> + Send;
}

/// A page that is about nothing that was begun before.
impl About for () {
    async fn load(_: &Visit<'_>, _: Option<&str>) -> std::result::Result<Self, FlowError> {
        Ok(())
    }
}

/// A link to one of our pages, with what its parameter `flow` names.
pub(super) struct Link<'a, A>(pub(super) Visit<'a>, pub(super) A);

/// A form of one of our pages, with what its field `flow_id` names and the fields.
pub(super) struct Form<'a, A>(pub(super) Visit<'a>, pub(super) A, pub(super) Params);

impl<'a> FromRequest<'a> for Visit<'a> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let Data(app) = Data::<&'a Arc<App>>::from_request(request, body).await?;
        let Data(caller) = Data::<&'a Arc<Caller>>::from_request(request, body).await?;
        // Without the session that could not be looked up the page is nobody's.
        Visit::begin(app, caller, request.headers())
            .await
            .map_err(|fault| Error::from_response(fault_page(Visit::without_cookies(app, caller), &fault)))
    }
}

impl<'a, A: About> FromRequest<'a> for Link<'a, A> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let visit = Visit::from_request(request, body).await?;
        let (visit, about) = load(visit, query(request).one("flow")).await?;
        Ok(Self(visit, about))
    }
}

impl<'a, A: About> FromRequest<'a> for Form<'a, A> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let visit = Visit::from_request(request, body).await?;
        let params = match read(request, body, &visit.app.settings.issuer).await {
            Some(params) if visit.form_is_ours(&params, request.uri().path()) => params,
            Some(_) | None => return Err(Error::from_response(csrf_rejected(visit).await)),
        };
        let (visit, about) = load(visit, params.one("flow_id")).await?;
        Ok(Self(visit, about, params))
    }
}

async fn load<'a, A: About>(visit: Visit<'a>, name: Option<&str>) -> Result<(Visit<'a>, A)> {
    match A::load(&visit, name).await {
        Ok(about) => Ok((visit, about)),
        Err(error) => Err(Error::from_response(flow_error(visit, error))),
    }
}

/// The fields of a form, unless another site sent it or it cannot be read.
async fn read(request: &Request, body: &mut RequestBody, issuer: &str) -> Option<Params> {
    if is_cross_site(request, issuer) || !is_form(request.content_type()) {
        return None;
    }
    let bytes = body.take().ok()?.into_bytes().await.ok()?;
    Params::parse_repeating(&bytes, &["scope"]).ok()
}

/// The parameters of a link; one that cannot be read has none.
pub(super) fn query(request: &Request) -> Params {
    Params::parse_query(request.uri().query().unwrap_or_default()).unwrap_or_default()
}
