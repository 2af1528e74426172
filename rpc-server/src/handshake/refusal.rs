//! Refusals of upgrade requests, as HTTP responses.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

/// Headers that belong to the response itself; a value of the application's would break it.
const FRAMING: [HeaderName; 5] =
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE, SEC_WEBSOCKET_VERSION];

/// An HTTP response that refuses an upgrade. Clients can read its text. So the text should say what to do,
/// and should not contain anything that only the server should know.
///
/// ```
/// use birpc_server::Refusal;
///
/// let refusal = Refusal::new(429, "too many connections").header("retry-after", "60");
/// assert_eq!(refusal.status(), 429);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    text: String,
    /// Most refusals have no headers. Boxed, so that a `Result` with a refusal is small.
    headers: Option<Box<HeaderMap>>,
}

impl Refusal {
    /// Creates a refusal with an HTTP status from 400 to 599; any other number becomes 403. For redirects,
    /// use [`Refusal::redirect`].
    pub fn new(status: u16, text: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).ok();
        let status = status.filter(|status| status.is_client_error() || status.is_server_error());
        Self::of(status.unwrap_or(StatusCode::FORBIDDEN), text.into())
    }

    /// 401: the client must authenticate. The response has the required `WWW-Authenticate` header (RFC 9110
    /// §11.6.1): `Bearer`, unless [`Refusal::header`] sets another value.
    pub fn unauthorized(text: impl Into<String>) -> Self {
        Self::of(StatusCode::UNAUTHORIZED, text.into())
    }

    /// 403: the client must not connect, whatever its credentials.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::of(StatusCode::FORBIDDEN, text.into())
    }

    /// 307: redirects clients that follow a `Location`. Browsers and birpc's client do not; for them the
    /// handshake has failed.
    pub fn redirect(location: &str) -> Self {
        Self::of(StatusCode::TEMPORARY_REDIRECT, format!("the WebSocket is at {location}"))
            .header(LOCATION.as_str(), location)
    }

    fn of(status: StatusCode, text: String) -> Self {
        Self { status, text, headers: None }
    }

    /// Adds a header to the response, such as `Retry-After`, `WWW-Authenticate` or `Set-Cookie`. Several
    /// headers of one name are kept. A name or value that HTTP does not allow is left out and logged as an
    /// error, and so are the headers that birpc sets itself: `Connection`, `Upgrade`,
    /// `Sec-WebSocket-Version`, and those of the body's length.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) if !FRAMING.contains(&name) => {
                self.headers.get_or_insert_default().append(name, value);
            }
            // The value is not logged, since it may be secret.
            _ => tracing::error!(name, "a header of a refusal is omitted: HTTP does not allow it there"),
        }
        self
    }

    pub(super) fn bad(text: &str) -> Self {
        Self::of(StatusCode::BAD_REQUEST, text.to_owned())
    }

    /// 426: the request is not a WebSocket request, or is one of another version (RFC 6455 §4.4).
    pub(super) fn upgrade_required(text: &str) -> Self {
        Self::of(StatusCode::UPGRADE_REQUIRED, text.to_owned())
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The response's body.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The response that the refusal becomes, for an HTTP server that refuses other requests in the same way.
    #[must_use]
    pub fn into_response(self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::text(format!("{}\n", self.text)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        *headers = self.headers.map(|headers| *headers).unwrap_or_default();
        if self.status == StatusCode::UNAUTHORIZED && !headers.contains_key(WWW_AUTHENTICATE) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        // The text may quote the request, and a browser must not display it as a page.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // No other request is served here, so the connection need not be kept open.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade, close"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// Omits the values of headers: a cookie may be among them.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().flat_map(|headers| headers.keys()).collect();
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .field("text", &self.text)
            .field("headers", &headers)
            .finish()
    }
}

/// The body of the responses of [`crate::Acceptor::accept`]: empty for an upgrade, a short text for a
/// refusal. It implements `Body` of the crate `http-body` 1, which hyper and the frameworks based on it send.
#[derive(Clone, Debug, Default)]
pub struct ResponseBody(Full<Bytes>);

impl ResponseBody {
    pub(super) fn text(text: String) -> Self {
        Self(Full::from(text))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
