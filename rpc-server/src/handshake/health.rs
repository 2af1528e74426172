//! Answers the health checks of load balancers.

use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, UPGRADE};
use http::{Method, Request, Response, StatusCode};

use super::headers::names;
use super::refusal::ResponseBody;

/// The answer to a health check; `None` if the request is not one. A health check requests this path, in any
/// version of HTTP and with any `Host`, and does not ask for a WebSocket.
pub(crate) fn answer<B>(
    path: Option<&str>,
    request: &Request<B>,
    stops: bool,
) -> Option<Response<ResponseBody>> {
    let path = path.filter(|path| *path == request.uri().path())?;
    if names(request.headers(), &UPGRADE, "websocket") {
        return None;
    }
    let (status, text) = match *request.method() {
        Method::GET | Method::HEAD if stops => {
            (StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down")
        }
        Method::GET | Method::HEAD => (StatusCode::OK, "ok"),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "a health check must be a GET or a HEAD"),
    };
    tracing::trace!(path, status = status.as_u16(), "a health check");
    let mut response = Response::new(ResponseBody::text(format!("{text}\n")));
    *response.status_mut() = status;
    describe(response.headers_mut(), status);
    Some(response)
}

fn describe(headers: &mut HeaderMap, status: StatusCode) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
}
