//! Handlers as plain functions, with a context that the test creates.

use std::future::pending;
use std::time::Duration;

use birpc::testing::TestContext;
use birpc::{CallError, Context, ErrorObject, Router, rpc};
use tokio::sync::mpsc;

#[rpc]
trait Files {
    async fn remove(&self, cx: &Context, name: String) -> Result<String, ErrorObject>;
}

#[rpc(namespace = "user")]
trait Asker {
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
}

struct User(&'static str);
struct Disk;
struct Yes;

impl Asker for Yes {
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject> {
        Ok(question.ends_with('?'))
    }
}

impl Files for Disk {
    async fn remove(&self, cx: &Context, name: String) -> Result<String, ErrorObject> {
        let user = cx.get::<User>().ok_or_else(|| ErrorObject::new(1, "log in first"))?;
        let asks: AskerClient = cx.stub();
        match asks.confirm(format!("remove {name}?")).await? {
            true => Ok(format!("{}: {name} is removed by {}", cx.method(), user.0)),
            false => Err(ErrorObject::new(2, "not confirmed")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_values_and_a_caller_to_call_back() {
    let cx = TestContext::builder()
        .method("files.remove")
        .value(User("ada"))
        .caller(AskerServer::new(Yes))
        .remote_addr(([127, 0, 0, 1], 7).into())
        .build();
    assert_eq!(cx.peer().remote_addr().map(|address| address.port()), Some(7));
    let removed = Disk.remove(&cx, "a.txt".into()).await;
    assert_eq!(removed.as_deref(), Ok("files.remove: a.txt is removed by ada"));
    assert_eq!(cx.id().map(ToString::to_string).as_deref(), Some("1"));
    assert!(TestContext::builder().notification().build().id().is_none());
}

#[tokio::test(start_paused = true)]
async fn without_values_and_without_a_caller_handlers_fail_as_they_would() {
    let error = Disk.remove(&TestContext::new(), "a.txt".into()).await.expect_err("nobody");
    assert_eq!(error.code(), 1);
    let cx = TestContext::builder().value(User("ada")).build();
    let error = Disk.remove(&cx, "a.txt".into()).await.expect_err("the caller serves nothing");
    assert_eq!(error.code(), -32603);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_seen_by_the_handler_and_ends_its_calls() {
    let (asked, mut heard) = mpsc::unbounded_channel();
    let confirm = move |_: Context, _: (String,)| {
        let asked = asked.clone();
        async move {
            asked.send(()).expect("the test hears it");
            pending::<Result<bool, ErrorObject>>().await
        }
    };
    let cx = TestContext::builder().caller(Router::new().method("user.confirm", confirm)).build();
    let (peer, handler) = (cx.peer(), cx.clone());
    let call = tokio::spawn(async move { peer.call::<bool>("user.confirm", ("sure?",)).await });
    let waits = tokio::spawn(async move { handler.cancelled().await });
    heard.recv().await.expect("it is asked");
    assert!(!cx.is_cancelled());
    cx.cancel();
    assert!(cx.is_cancelled());
    assert_eq!(call.await.expect("no panic"), Err(CallError::Cancelled));
    tokio::time::timeout(Duration::from_secs(1), waits).await.expect("in time").expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn the_caller_is_gone_when_it_closes_or_the_test_drops_the_context() {
    let cx = TestContext::new();
    let kept = cx.clone();
    cx.caller().close(1001, "going").expect("a code");
    cx.cancelled().await;
    assert_eq!(cx.peer().closed().await.code, 1001);
    drop(cx);
    assert!(kept.is_cancelled());
    let cx = TestContext::new();
    let kept = cx.clone();
    drop(cx);
    kept.cancelled().await;
}
