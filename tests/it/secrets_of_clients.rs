//! The texts of a client's errors and `Debug` output do not contain secrets.

use birpc::{Client, ConnectError, Reconnect};

#[tokio::test]
async fn a_builder_shows_no_token() {
    let builder = Client::builder()
        .header("authorization", "Bearer secret")
        .header("cookie", "session=secret")
        .subprotocols(["birpc.v1", "bearer.secret"])
        .before_attempt(|attempt| async move { Ok(attempt.with_header("x-key", "secret")) })
        .reconnect(Reconnect::default());
    let shown = format!("{builder:?} {builder:#?}");
    assert!(shown.contains("authorization") && !shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn an_attempt_shows_no_token() {
    let builder =
        Client::builder().header("authorization", "Bearer secret").before_attempt(|attempt| async move {
            let attempt =
                attempt.with_subprotocols(["bearer.secret"]).with_url("ws://127.0.0.1:1/?key=secret");
            Err(format!("{attempt:?}").into())
        });
    let error =
        builder.connect("ws://127.0.0.1:1/?key=secret").await.expect_err("the hook failed").to_string();
    assert!(error.contains("authorization") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn an_error_shows_no_password_and_no_query() {
    for url in ["ws://me:secret@localhost/", "http://localhost/?key=secret", "wss://me:sec/ret@localhost:x/"]
    {
        let error = Client::connect(url).await.expect_err("it is no URL to connect to");
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, ConnectError::Url { .. }) && !shown.contains("secret"), "{shown}");
        assert!(!shown.contains("sec/ret"), "{shown}");
    }
    let error = Client::connect("ws://127.0.0.1:1/?key=secret").await.expect_err("nobody listens");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_refusals_cookie_is_not_shown() {
    let answer = "HTTP/1.1 403 Forbidden\r\nSet-Cookie: session=secret\r\nContent-Length: 0\r\n\r\n";
    let front = crate::support::front::Front::answering(answer).await;
    let error = Client::connect(&front.url()).await.expect_err("it is refused");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}
