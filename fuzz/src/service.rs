//! The methods for the fuzzer: handlers that are ready at once, later or never, and handlers that panic.

use std::future::pending;
use std::time::Duration;

use birpc_core::{CallError, Context, ErrorObject, RawValue, Router};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::ON_PURPOSE;
use crate::streams::Streams;

pub(crate) type Reply<T> = Result<T, ErrorObject>;

/// Names are short, so that the fuzzer finds them.
pub(crate) fn router() -> Router {
    Router::new()
        .method("echo", |_, value: Box<RawValue>| async move { Reply::Ok(value) })
        .method("add", |_, (a, b): (i64, i64)| async move { Reply::Ok(a.wrapping_add(b)) })
        .method("fail", |_, data: Box<RawValue>| async move {
            Reply::<()>::Err(ErrorObject::new(1, "it fails").with_data(&data))
        })
        .method("hold", |_, _: Option<()>| pending::<Reply<()>>())
        .method("later", |_, (turns,): (u8,)| later(turns))
        .method("sleep", |_, (millis,): (u64,)| async move {
            sleep(Duration::from_millis(millis)).await;
            Reply::Ok(millis)
        })
        .method("shield", |cx: Context, _: Option<()>| async move {
            cx.shield(sleep(Duration::from_secs(1))).await;
            Reply::Ok(cx.is_cancelled())
        })
        .method("large", |_, (bytes,): (u16,)| async move { Reply::Ok("x".repeat(bytes.into())) })
        .method("panic", |_, _: Option<()>| async { panic_on_purpose() })
        .method("panic_later", |_, _: Option<()>| async {
            yield_now().await;
            panic_on_purpose()
        })
        .method("call", |cx: Context, (method, params): (String, Box<RawValue>)| {
            call_back(cx, method, params)
        })
        .method("tell", |cx: Context, (method,): (String,)| async move {
            Reply::Ok(cx.peer().notify(&method, ()).await.is_ok())
        })
        .method("close", |cx: Context, (code, reason): (u16, String)| async move {
            Reply::Ok(cx.peer().close(code, &reason).is_ok())
        })
        .ordered(Router::new().method("in_turn", |_, (turns,): (u8,)| later(turns)))
        .notification("log", |_, _: Box<RawValue>| async {})
        .notification("hold_it", |_, _: Option<()>| pending())
        .notification("panic_it", |_, _: Option<()>| async { drop(panic_on_purpose()) })
        .service(Streams)
}

async fn later(turns: u8) -> Reply<u8> {
    for _ in 0..turns {
        yield_now().await;
    }
    Ok(turns)
}

async fn call_back(cx: Context, method: String, params: Box<RawValue>) -> Reply<Box<RawValue>> {
    let outcome = cx.peer().call(&method, params).with_timeout(Duration::from_secs(2)).await;
    outcome.map_err(|error| match error {
        CallError::Method(error) | CallError::Rpc(error) => error,
        other => ErrorObject::new(2, other.to_string()),
    })
}

pub(crate) fn panic_on_purpose() -> Reply<()> {
    std::panic::panic_any(ON_PURPOSE)
}
