//! The log has the text of a panic, with the code that panicked; the wire never has it.

use birpc::{CallError, Client, Context, ErrorObject, Router, Server};
use tracing::Level;

use crate::support::NoParams;
use crate::support::logs::Logs;

fn fail(text: &str) -> Result<(), ErrorObject> {
    panic!("{text}")
}

#[tokio::test]
async fn the_text_of_a_panic_is_in_the_log_and_not_on_the_wire() {
    let logs = Logs::hear();
    let fails = |_: Context, _: NoParams| async { fail("the secret of the first poll") };
    let fails_later = |_: Context, _: NoParams| async {
        tokio::task::yield_now().await;
        fail("the secret of a later poll")
    };
    let router = Router::new().method("first", fails).method("later", fails_later);
    let server = Server::builder()
        .on_connect(|_| async {
            tokio::task::yield_now().await;
            panic!("the secret of the hook")
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("ws://{}/", server.local_addr().expect("an address"));
    tokio::spawn(server.serve(router));
    let client = Client::connect(&url).await.expect("a connection");
    for method in ["first", "later"] {
        let error = client.peer().call::<()>(method, ()).await.expect_err("it panics");
        let CallError::Rpc(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code(), -32603);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let lines = logs.with(Level::ERROR, "panicked");
    let expected = [
        ("the secret of the hook", "the hook that runs when a connection opens panicked"),
        ("the secret of the first poll", "the handler panicked method=first"),
        ("the secret of a later poll", "the handler panicked method=later"),
    ];
    for (text, what) in expected {
        let found = lines.iter().find(|line| line.contains(&format!("panic={text}"))).expect(text);
        let named = ["connection=", "remote_addr=127.0.0.1:"].iter().all(|field| found.contains(field));
        assert!(found.starts_with(what) && named, "{found}");
    }
}

#[tokio::test]
async fn the_text_of_a_panic_in_the_function_that_makes_routers_is_in_the_log() {
    let logs = Logs::hear();
    let server = Server::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/", server.local_addr().expect("an address"));
    let made = server.serve_with(|_| -> Router { panic!("the secret of the router") });
    tokio::spawn(made.into_future());
    let client = Client::connect(&url).await.expect("a connection");
    let reason = client.closed().await;
    assert_eq!(reason.code, 1011);
    assert!(!reason.reason.contains("secret"), "{reason:?}");
    let lines = logs.with(Level::ERROR, "the router for a connection is invalid");
    assert!(lines.iter().any(|line| line.contains("panicked: the secret of the router")), "{lines:?}");
}
