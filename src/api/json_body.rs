//! A JSON document as a request body: read strictly, and only once it is certain that the caller may send one.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{Request, RequestBody, Response, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde_json::{Map, Value};

use super::error::okta::Envelope;
use crate::protocol::error::OAuthError;

/// The deepest nesting of a document.
const MAX_DEPTH: usize = 16;
/// The media type (RFC 8259 §11).
const JSON: &str = "application/json";

/// A body that is to be a JSON object; `T` documents its members.
pub struct JsonBody<T> {
    is_json: bool,
    bytes: Bytes,
    schema: PhantomData<fn() -> T>,
}

impl<T> JsonBody<T> {
    /// The members, for an endpoint of Okta's own.
    ///
    /// # Errors
    /// The answer: E0000021 to another media type, E0000003 to what is no such document.
    pub fn document(&self) -> std::result::Result<Map<String, Value>, Response> {
        if !self.is_json {
            return Err(Envelope::media_type().respond());
        }
        keys::json::object(&self.bytes, MAX_DEPTH).map_err(|_| Envelope::malformed().respond())
    }

    /// The same where nothing at all says as much as an empty object.
    ///
    /// # Errors
    /// As for [`Self::document`], to anything but nothing.
    pub fn optional_document(&self) -> std::result::Result<Map<String, Value>, Response> {
        if self.bytes.is_empty() { Ok(Map::new()) } else { self.document() }
    }

    /// The members. A document that repeats a member at any depth says two things at once and is refused, as is one
    /// that nests too deeply (RFC 8259 §4, §9).
    ///
    /// # Errors
    /// The body is no such document, or its media type is another one.
    pub fn members(&self) -> std::result::Result<Map<String, Value>, OAuthError> {
        if !self.is_json {
            return Err(OAuthError::invalid_request("The Content-Type must be application/json."));
        }
        keys::json::object(&self.bytes, MAX_DEPTH).map_err(|_| {
            OAuthError::invalid_request(
                "The body must be a JSON object in which no member is repeated and nothing is nested too deeply.",
            )
        })
    }
}

/// Not by the macro for payloads: that refuses a request without a media type before anybody has asked who sends it.
impl<'a, T: Type> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let content_type = request.content_type().unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = media_type.eq_ignore_ascii_case(JSON);
        Ok(Self { is_json, bytes: body.take()?.into_bytes().await?, schema: PhantomData })
    }
}
