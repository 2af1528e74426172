//! Who may see the inspector.

use std::net::SocketAddr;

use birpc::Refusal;
use birpc::inspector::{InspectError, Inspector, InspectorBuilder};

use super::{Inspected, router};
use crate::support::bounded;
use crate::support::http::{ask, status};

/// The answer to a request for a page or, with `upgrade`, for its WebSocket.
async fn request(address: SocketAddr, method: &str, target: &str, host: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    bounded(ask(
        address,
        &format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n"),
    ))
    .await
}

async fn upgrade(address: SocketAddr, target: &str, host: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    );
    bounded(ask(address, &request)).await
}

/// The target of the page, with its token.
fn target(inspected: &Inspected) -> String {
    let path = inspected.url.split_once("/?").expect("a query").1;
    format!("/?{path}")
}

#[tokio::test]
async fn the_page_is_whole_and_may_load_nothing() {
    let inspected = Inspected::serve(router()).await;
    let (page, host) = (inspected.page, inspected.page.to_string());
    let answer = request(page, "GET", &target(&inspected), &host, &[]).await;
    assert_eq!(status(&answer), "200", "{answer}");
    for header in [
        "content-security-policy: default-src 'none'; script-src 'nonce-",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
    ] {
        assert!(answer.contains(header), "{header}: {}", &answer[..1000]);
    }
    assert!(answer.contains("<title>birpc inspector</title>") && answer.trim_end().ends_with("</html>"));
    let token = target(&inspected).replacen("/?token=", "", 1);
    assert!(!answer.contains(&token), "the page's text has no token");
    let answer = upgrade(page, &target(&inspected), &host, &[&format!("Origin: http://{host}")]).await;
    assert_eq!(status(&answer), "101");
}

/// The inspector's package has a copy of the client, since a package contains only what is in its folder.
#[tokio::test]
async fn the_page_has_the_current_typescript_client() {
    let client = include_str!("../../../clients/typescript/dist/index.js");
    let inspected = Inspected::serve(router()).await;
    let answer = request(inspected.page, "GET", &target(&inspected), "localhost", &[]).await;
    assert!(
        answer.contains(client),
        "copy clients/typescript/dist/index.js to rpc-inspector/page/client.js, or run `npm run build`"
    );
}

#[tokio::test]
async fn a_stranger_gets_nothing() {
    let inspected = Inspected::serve(router()).await;
    let (page, host, target) = (inspected.page, inspected.page.to_string(), target(&inspected));
    let mut wrong = target.clone();
    let last = if wrong.ends_with('0') { '1' } else { '0' };
    wrong.pop();
    wrong.push(last);
    for target in
        ["/", "/?token=", "/?token", "/?Token=x", "/index.html", &wrong, &target[..target.len() - 1]]
    {
        for answer in [
            request(page, "GET", target, &host, &[]).await,
            request(page, "HEAD", target, &host, &[]).await,
            request(page, "POST", target, &host, &["Content-Length: 0"]).await,
            upgrade(page, target, &host, &[]).await,
            upgrade(page, target, &host, &[&format!("Origin: http://{host}")]).await,
        ] {
            assert_eq!(status(&answer), "403", "{target}: {answer}");
            assert!(!answer.contains("<html") && !answer.contains("testbed"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_foreign_page_gets_nothing_even_with_the_token() {
    let inspected = Inspected::serve(router()).await;
    let (page, host, target) = (inspected.page, inspected.page.to_string(), target(&inspected));
    let port = page.port();
    for foreign in
        [&format!("evil.example:{port}"), "evil.example", "127.0.0.1.evil.example", "0.0.0.0", "a@localhost"]
    {
        assert_eq!(status(&request(page, "GET", &target, foreign, &[]).await), "403", "{foreign}");
        let origin = format!("Origin: http://{foreign}");
        assert_eq!(status(&upgrade(page, &target, foreign, &[&origin]).await), "403", "{foreign}");
        assert_eq!(status(&upgrade(page, &target, &host, &[&origin]).await), "403", "{foreign}");
    }
    for origin in
        ["Origin: null", &format!("Origin: http://localhost:{}", port ^ 1), "Origin: https://x.example"]
    {
        assert_eq!(status(&upgrade(page, &target, &host, &[origin]).await), "403", "{origin}");
    }
    for same in [&format!("localhost:{port}"), "localhost:9000", "[::1]:80"] {
        assert_eq!(status(&request(page, "GET", &target, same, &[]).await), "200", "{same}");
    }
}

#[tokio::test]
async fn what_is_no_request_for_the_page_is_refused() {
    let inspected = Inspected::serve(router()).await;
    let (page, host, target) = (inspected.page, inspected.page.to_string(), target(&inspected));
    let other = target.replacen("/?", "/favicon.ico?", 1);
    assert_eq!(status(&request(page, "GET", &other, &host, &[]).await), "404");
    assert_eq!(status(&request(page, "DELETE", &target, &host, &[]).await), "405");
    for body in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        assert_eq!(status(&request(page, "GET", &target, &host, &[body]).await), "400", "{body}");
    }
    let two = request(page, "GET", &target, &host, &["Host: evil.example"]).await;
    assert!(["400", "403"].contains(&status(&two)), "{two}");
}

#[tokio::test]
async fn only_the_application_opens_it_to_the_network() {
    let server = birpc::Server::bind("127.0.0.1:0").await.expect("a free port");
    for address in ["0.0.0.0:0", "[::]:0"] {
        match Inspector::of(&server.handle()).bind(address).await {
            Err(InspectError::NotLoopback(_) | InspectError::Io(_)) => {} // there may be no IPv6
            other => panic!("{address}: {other:?}"),
        }
    }
    let allowing = Inspector::of(&server.handle()).authorize(|_| async { Ok(()) });
    let inspector = allowing.bind("0.0.0.0:0").await.expect("the application decides");
    assert!(!inspector.url().contains("token"), "{}", inspector.url());
}

#[tokio::test]
async fn the_application_decides_about_the_page_and_about_its_socket() {
    let deciding = |inspector: InspectorBuilder| {
        inspector.authorize(|request| async move {
            match request.cookie("session") {
                Some("operator") => Ok(()),
                Some("broken") => panic!("the application's hook"),
                Some(_) => Err(Refusal::forbidden("operators only")),
                None => Err(Refusal::unauthorized("log in").header("www-authenticate", "Basic")),
            }
        })
    };
    let inspected = Inspected::with(router(), deciding).await;
    let (page, host) = (inspected.page, inspected.page.to_string());
    for (cookie, page_status, socket_status) in [
        ("Cookie: session=operator", "200", "101"),
        ("Cookie: session=guest", "403", "403"),
        ("Cookie: session=broken", "500", "500"),
        ("X: y", "401", "401"),
    ] {
        let answer = request(page, "GET", "/?token=", &host, &[cookie]).await;
        assert_eq!(status(&answer), page_status, "{answer}");
        assert_eq!(answer.contains("www-authenticate: Basic"), page_status == "401");
        assert_eq!(status(&upgrade(page, "/", &host, &[cookie]).await), socket_status, "{cookie}");
    }
    let foreign = request(page, "GET", "/", "evil.example", &["Cookie: session=operator"]).await;
    assert_eq!(status(&foreign), "403", "the address is still a loopback address");
    let named = Inspected::with(router(), |inspector| deciding(inspector).hosts(["ops.example"])).await;
    let page = named.page;
    assert_eq!(status(&request(page, "GET", "/", "ops.example", &["Cookie: session=operator"]).await), "200");
    assert_eq!(status(&request(page, "GET", "/", "localhost", &["Cookie: session=operator"]).await), "403");
}
