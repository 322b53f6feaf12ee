//! Syntax of the request: parameters once each, within their sizes.

use crate::protocol::{
    authorization_request::AuthorizationRequest,
    params::{Params, ParamsError, REPEATABLE},
};

/// A request that was read, and what was wrong with it short of not knowing where to send an error.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The request.
    pub request: AuthorizationRequest,
    /// A parameter that was sent twice (RFC 6749 §3.1), but not one that says where errors go.
    pub repeated: Option<String>,
    /// The parameters that it was read from.
    pub params: Params,
    /// Who vouches for them.
    pub source: Source,
}

/// Where the parameters of a request stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// In the query or form.
    Parameters,
    /// In an object that the client signed (RFC 9101).
    RequestObject,
}

/// Why a request cannot be read; shown on a page, since nothing says where else to send it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// The encoding is broken, or there is too much of it.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// `client_id` is missing, or a parameter is too long.
    #[error(transparent)]
    Param(#[from] crate::protocol::params::ParamError),
    /// `client_id` or `redirect_uri` was sent twice.
    #[error("the parameter {0} was sent more than once")]
    Repeated(String),
}

/// Reads a request from its query or form.
///
/// # Errors
/// It cannot be read, or it does not say once where errors go.
pub fn parse(encoded: &[u8]) -> Result<Parsed, ParseError> {
    let (params, repeated) = Params::parse_listing_duplicates(encoded, REPEATABLE)?;
    // What is repeated is dropped: these two must not be guessed.
    if let Some(name) = repeated.iter().find(|name| matches!(name.as_str(), "client_id" | "redirect_uri")) {
        return Err(ParseError::Repeated(name.clone()));
    }
    let request = AuthorizationRequest::from_params(&params)?;
    Ok(Parsed { request, repeated: repeated.into_iter().next(), params, source: Source::Parameters })
}
