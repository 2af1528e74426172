//! A server's response to the handshake that is not an upgrade.

use std::time::{Duration, SystemTime};

use http::Response;
use http::header::{HeaderMap, LOCATION, RETRY_AFTER, SET_COOKIE};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::error::ConnectError;

/// The number of bytes of a refusal's body that are kept.
const MAX_BODY: usize = 4 << 10;

/// The maximum time for the body. A body that never ends must not use up the time of the whole handshake,
/// after which the status would be lost.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads a refusal.
pub(crate) async fn read(response: Response<Incoming>) -> ConnectError {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let reading = async {
        while body.len() < MAX_BODY
            && let Some(Ok(frame)) = incoming.frame().await
        {
            body.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        }
    };
    // What has arrived by then is enough.
    let _ = tokio::time::timeout(BODY_TIMEOUT, reading).await;
    body.truncate(MAX_BODY);
    let mut headers = head.headers;
    for (name, value) in &mut headers {
        // A redirect often repeats the query of the request.
        value.set_sensitive(name == SET_COOKIE || name == LOCATION);
    }
    let body = String::from_utf8_lossy(&body).trim_end().to_owned();
    ConnectError::Refused { status: head.status.as_u16(), headers: Box::new(headers), body }
}

/// How long the server asks its clients to wait (RFC 9110 §10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large for the type becomes the largest possible time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let seconds = |value: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a value"))]);
            retry_after(&headers).map(|after| after.as_secs())
        };
        assert_eq!(
            (seconds("120"), seconds(" 0 "), seconds("soon"), seconds("-1"), seconds("+1"), seconds("")),
            (Some(120), Some(0), None, None, None, None)
        );
        assert_eq!(seconds("99999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(seconds(&later).is_some_and(|seconds| (90..=100).contains(&seconds)));
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
