//! Request bodies: bounded in size and time, and never compressed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderValue, StatusCode, header};
use poem::{Body, Endpoint, Middleware, Request, Response, Result, error::ResponseError};

/// Reads every request body before the endpoint sees it, so that nothing further in can read without a limit.
/// Handlers read the buffered body as usual.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    /// Largest body in bytes.
    pub bytes: usize,
    /// Longest time for the whole body.
    pub timeout: Duration,
}

/// Why a request's body was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// Larger than allowed (RFC 9110 §15.5.14).
    #[error("the request body is too large")]
    TooLarge,
    /// Not complete in time (RFC 9110 §15.5.9).
    #[error("the request body did not arrive in time")]
    Timeout,
    /// With a content coding: a few bytes could unfold to gigabytes (RFC 9110 §15.5.16).
    #[error("content codings are not supported for request bodies")]
    Encoded,
    /// Broken off or malformed.
    #[error("the request body is malformed")]
    Malformed,
}

impl ResponseError for BodyError {
    fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed => StatusCode::BAD_REQUEST,
        }
    }

    fn as_response(&self) -> Response {
        let mut response = Response::builder().status(self.status()).body(self.to_string());
        // The rest of the body is never read: the connection is of no further use (RFC 9110 §15.5.9).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

impl<E: Endpoint> Middleware<E> for BodyLimit {
    type Output = BodyLimitEndpoint<E>;

    fn transform(&self, endpoint: E) -> Self::Output {
        BodyLimitEndpoint { endpoint, limit: self.clone() }
    }
}

/// An endpoint behind a [`BodyLimit`].
pub struct BodyLimitEndpoint<E> {
    endpoint: E,
    limit: BodyLimit,
}

impl<E: Endpoint> Endpoint for BodyLimitEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<Self::Output> {
        let body = request.take_body();
        if !body.is_empty() {
            let bytes = self.limit.read(&request, body).await?;
            request.set_body(bytes);
        }
        self.endpoint.call(request).await
    }
}

impl BodyLimit {
    async fn read(&self, request: &Request, body: Body) -> Result<Bytes, BodyError> {
        let codings = request.headers().get_all(header::CONTENT_ENCODING);
        if codings.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(BodyError::Encoded);
        }
        let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if declared.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > self.limit()) {
            return Err(BodyError::TooLarge);
        }
        tokio::time::timeout(self.timeout, self.collect(body)).await.unwrap_or(Err(BodyError::Timeout))
    }

    async fn collect(&self, body: Body) -> Result<Bytes, BodyError> {
        let mut chunks = body.into_bytes_stream();
        let mut whole = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| BodyError::Malformed)?;
            if whole.len() + rest.len() + chunk.len() > self.bytes {
                return Err(BodyError::TooLarge);
            }
            // Most bodies arrive in one piece, which is passed on as it is.
            if whole.is_empty() && rest.is_empty() {
                whole = chunk;
            } else {
                if rest.is_empty() {
                    rest.extend_from_slice(&std::mem::take(&mut whole));
                }
                rest.extend_from_slice(&chunk);
            }
        }
        Ok(if rest.is_empty() { whole } else { rest.freeze() })
    }

    fn limit(&self) -> u64 {
        u64::try_from(self.bytes).unwrap_or(u64::MAX)
    }
}
