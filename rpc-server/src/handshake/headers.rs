//! Parses header lines: lists of tokens (RFC 9110 §5.6.1), and the headers in which proxies describe the
//! client's connection.

use http::header::{FORWARDED, HeaderMap, HeaderName};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether a proxy says that the client used TLS: `X-Forwarded-Proto`, or `proto` in `Forwarded` (RFC 7239
/// §5.4). The first entry describes the client's own connection. Any client can send these headers, but a web
/// page cannot, so they may only make a check stricter.
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

/// The comma-separated tokens of a header, from all of its lines.
pub(super) fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter();
    let tokens = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    tokens.map(str::trim).filter(|token| !token.is_empty())
}

/// Whether a header contains a token, ignoring case.
pub(super) fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// The value of a header that must occur exactly once.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
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
