//! The page: one HTML file without foreign resources, and the headers that keep it to that.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::token::Token;

const HTML: &str = include_str!("../page/index.html");
const STYLE: &str = include_str!("../page/style.css");
/// `@birpc/client`, as `clients/typescript/dist` has it.
const CLIENT: &str = include_str!("../page/client.js");
const SCRIPTS: [&str; 7] = [
    include_str!("../page/contract.js"),
    include_str!("../page/dom.js"),
    include_str!("../page/chart.js"),
    include_str!("../page/app.js"),
    include_str!("../page/peers.js"),
    include_str!("../page/groups.js"),
    include_str!("../page/console.js"),
];

/// Nothing is loaded from anywhere, no text of a peer can become code, and no other page can frame this one.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// The response with the page, whose script and style carry a random number of their own.
pub(crate) fn response() -> Response<Full<Bytes>> {
    let Ok(nonce) = Token::random() else {
        let mut response = Response::new(Full::from("the system has no random numbers\n"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut response = Response::new(Full::from(html(nonce.text())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&policy(nonce.text())) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    protect(headers);
    response
}

/// The headers of every response.
pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"), // the address has the token
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn html(nonce: &str) -> String {
    let script = SCRIPTS.concat();
    let page = HTML.replacen("/* style */", STYLE, 1);
    let page = page.replacen("// script", &format!("{CLIENT}{{\n{script}}}\n"), 1);
    page.replace("nonce=\"\"", &format!("nonce=\"{nonce}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_and_loads_nothing() {
        let page = html("abc");
        assert!(page.contains("connect(address.href"));
        assert_eq!(page.matches("nonce=\"abc\"").count(), 2, "the style and the script");
        for foreign in ["src=", "@import", "url(http", "https://", "http://", "innerHTML", "eval("] {
            let found = page.match_indices(foreign).map(|(at, _)| &page[at..page.len().min(at + 60)]);
            let found: Vec<_> = found.filter(|found| !found.contains("www.w3.org/2000/svg")).collect();
            assert!(found.is_empty(), "{found:?}");
        }
        assert!(!page.contains("/* style */") && !page.contains("// script\n"));
    }

    #[test]
    fn each_response_has_another_number() {
        let policies = [response(), response()]
            .map(|response| response.headers()[CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned());
        assert!(
            policies[0] != policies[1] && policies[0].starts_with("default-src 'none'; script-src 'nonce-")
        );
    }
}
