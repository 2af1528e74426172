//! What proxies tell of the connection that the client made to them.

use http::header::{FORWARDED, HeaderMap, HeaderName};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether a proxy says that the client came over TLS: `X-Forwarded-Proto`, or `proto` of `Forwarded` (RFC
/// 7239 §5.4), of the client's own connection, which stands first. It may only ever make a check stricter,
/// since every client can send these headers; a web page cannot.
pub(super) fn is_secure(headers: &HeaderMap) -> bool {
    let first =
        |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()?.split(',').next());
    let pairs = first(&FORWARDED).into_iter().flat_map(|element| element.split(';'));
    let proto = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("proto"))
        .map(|(_, value)| value.trim_matches('"'));
    [proto, first(&X_FORWARDED_PROTO)]
        .into_iter()
        .flatten()
        .any(|scheme| ["https", "wss"].iter().any(|secure| scheme.trim().eq_ignore_ascii_case(secure)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_proxy_has_the_word() {
        for (name, value, secure) in [
            ("x-forwarded-proto", "https", true),
            ("x-forwarded-proto", "HTTPS, http", true),
            ("x-forwarded-proto", "wss", true),
            ("x-forwarded-proto", "http", false),
            ("x-forwarded-proto", "http, https", false),
            ("x-forwarded-proto", "", false),
            ("forwarded", "for=192.0.2.1; proto=https;by=10.0.0.1", true),
            ("forwarded", "for=192.0.2.1;Proto=\"https\"", true),
            ("forwarded", "proto=http, proto=https", false),
            ("forwarded", "for=192.0.2.1", false),
            ("x-other", "https", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            assert_eq!(is_secure(&headers), secure, "{name}: {value}");
        }
    }
}
