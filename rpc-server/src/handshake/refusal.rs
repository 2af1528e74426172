//! Why an upgrade is refused, and the HTTP response that says so.

use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Response, StatusCode};

/// An HTTP response that refuses an upgrade. Its text is for whoever reads the response: it should say what
/// to do, and nothing that only the server should know.
///
/// ```
/// use birpc_server::Refusal;
///
/// let refusal = Refusal::new(401, "a token is needed");
/// assert_eq!(refusal.status(), 401);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    /// Refuses with an HTTP status from 400 to 599; every other number becomes 403.
    pub fn new(status: u16, text: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).ok();
        let status = status.filter(|status| status.is_client_error() || status.is_server_error());
        Self { status: status.unwrap_or(StatusCode::FORBIDDEN), text: text.into() }
    }

    /// 401: who it is has to be said first.
    pub fn unauthorized(text: impl Into<String>) -> Self {
        Self::new(401, text)
    }

    /// 403: it is known who it is, or does not matter.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::new(403, text)
    }

    pub(super) fn bad(text: &str) -> Self {
        Self::new(400, text)
    }

    /// 426: no WebSocket request, or one of another version (RFC 6455 §4.4).
    pub(super) fn upgrade_required() -> Self {
        Self::new(426, "this is a WebSocket endpoint; connect with Sec-WebSocket-Version 13")
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

    pub(crate) fn into_response(self) -> Response<String> {
        let mut response = Response::new(format!("{}\n", self.text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        // Nothing else is served here, so the connection need not wait for another request.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade, close"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}
