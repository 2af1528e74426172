//! The parts of errors that quote a server's answer or a URL: short, on one line, without secrets.

use std::fmt::Write as _;

use birpc_core::__private::crates::excerpt;
use http::StatusCode;
use http::header::{HeaderMap, LOCATION};

/// The number of characters of a peer's text or of a URL that an error quotes.
const EXCERPT: usize = 200;

/// The text of a refusal.
pub(crate) fn refusal(status: u16, headers: &HeaderMap, body: &str) -> String {
    let named = named(status);
    let mut text = match status {
        200..=299 => format!("the server answered {status}, not 101; check the path"),
        300..=399 => format!("the server redirects with HTTP {named}, which is not followed"),
        _ => format!("the server refused the connection with HTTP {named}"),
    };
    if let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) {
        let _ = write!(text, " (Location: {})", redacted(location));
    }
    if !body.is_empty() {
        let _ = write!(text, ": {}", excerpt(body, EXCERPT));
    }
    text
}

/// A URL for errors, without the parts that may be secret: user, password, query and fragment.
pub(crate) fn redacted(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        // The `://` may also occur in the query of a redirect.
        Some(at) if !url[..at].contains(['/', '?', '#']) => url.split_at(at + 3),
        _ => ("", url),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, at) = (&rest[..end], rest.rfind('@'));
    // A slash in a password should have been encoded. Here it ends the authority too early.
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let cut_short = !port.bytes().all(|byte| byte.is_ascii_digit()) && !authority.contains(']');
    let (user, rest) = match at {
        Some(at) if at < end || cut_short => ("…@", &rest[at + 1..]),
        _ => ("", rest),
    };
    // A fragment may contain a token as well.
    let hidden = match rest.find(['?', '#']) {
        Some(at) if rest[at..].starts_with('?') => "?…",
        Some(_) => "#…",
        None => "",
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    excerpt(&format!("{scheme}{user}{rest}{hidden}"), EXCERPT)
}

/// The status with its name, if it has one.
fn named(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a value"));
        headers
    }

    #[test]
    fn a_refusal_is_one_bounded_line() {
        let none = HeaderMap::new();
        assert_eq!(refusal(404, &none, ""), "the server refused the connection with HTTP 404 Not Found");
        assert_eq!(
            refusal(599, &none, "no\n\u{1b}[1mway"),
            r"the server refused the connection with HTTP 599: no \u{1b}[1mway"
        );
        let page = format!("<!DOCTYPE html>\n<html>{}", "<p>x</p>\n".repeat(400));
        let shown = refusal(200, &none, &page);
        assert!(
            shown.starts_with("the server answered 200, not 101; check the path: <!DOCTYPE html> <html>")
        );
        assert!(shown.chars().count() < 300, "{shown}");
    }

    #[test]
    fn a_redirect_names_where_to() {
        let to = headers("location", "https://elsewhere.example/login");
        let shown = refusal(302, &to, "");
        assert!(shown.contains("302 Found") && shown.contains("https://elsewhere.example/login"), "{shown}");
        for (location, expected) in [
            ("https://me:secret@host/rpc?token=secret#secret", "(Location: https://…@host/rpc?…)"),
            ("/login?back=/rpc%3Ftoken=secret", "(Location: /login?…)"),
        ] {
            let shown = refusal(301, &headers("location", location), "");
            assert!(shown.ends_with(expected), "{shown}");
        }
    }
}
