//! A shielded section of a handler is not interrupted: neither by a cancel nor by the loss of its caller.

use std::sync::Arc;

use birpc::{CallError, Context, ErrorObject, Peer, Router};
use tokio::sync::{Notify, mpsc};

use crate::support::{Join, NoParams, OnDrop, Pair, Record, Side, code, over_both};

over_both! {
    a_shielded_section_runs_to_its_end_and_the_handler_stops_behind_it
    a_handler_that_ends_with_its_section_is_answered_with_its_result
    a_cancel_after_the_section_stops_the_handler
    a_lost_caller_does_not_interrupt_a_section
    sections_nest
}

/// The channels between the handler and the test.
#[derive(Clone, Default)]
struct Stage {
    entered: Arc<Notify>,
    leave: Arc<Notify>,
    log: Record<&'static str>,
}

impl Stage {
    async fn section(&self) {
        self.log.push("entered");
        self.entered.notify_one();
        self.leave.notified().await;
        self.log.push("left");
    }
}

struct Scene {
    pair: Pair,
    stage: Stage,
    dropped: mpsc::UnboundedReceiver<()>,
}

/// Serves `work` with the handler `handler`, and `ping` as a fence.
async fn scene<F, Fut>(join_by: Join, handler: F) -> Scene
where
    F: Fn(Context, Stage) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<i32, ErrorObject>> + Send + 'static,
{
    let stage = Stage::default();
    let (end, dropped) = mpsc::unbounded_channel();
    let shared = stage.clone();
    let router = Router::new()
        .method("work", move |cx, _: NoParams| {
            let (guard, handling) = (OnDrop::tell(&end), handler(cx, shared.clone()));
            async move {
                let _guard = guard;
                handling.await
            }
        })
        .method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) });
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    Scene { pair, stage, dropped }
}

/// A call that was cancelled in its section; the peer has seen the cancel.
async fn cancelled_in_its_section(scene: &Scene) {
    let call = tokio::spawn(scene.pair.client.call::<i32>("work", ()));
    scene.stage.entered.notified().await;
    call.abort();
    assert!(call.await.is_err());
    fence(&scene.pair.client).await;
}

async fn fence(peer: &Peer) {
    assert_eq!(peer.call::<i32>("ping", ()).await, Ok(1));
}

async fn a_shielded_section_runs_to_its_end_and_the_handler_stops_behind_it(join_by: Join) {
    let mut scene = scene(join_by, |cx, stage| async move {
        cx.shield(stage.section()).await;
        stage.log.push("behind, up to the next await");
        std::future::pending::<()>().await;
        Ok(1)
    })
    .await;
    cancelled_in_its_section(&scene).await;
    assert_eq!(scene.pair.server.serving(), 1, "the section goes on");
    assert!(scene.dropped.try_recv().is_err());
    scene.stage.leave.notify_one();
    scene.dropped.recv().await.expect("the handler is dropped");
    assert_eq!(scene.stage.log.take(), ["entered", "left", "behind, up to the next await"]);
    while scene.pair.client.unmatched_responses() == 0 {
        fence(&scene.pair.client).await;
    }
    assert_eq!(scene.pair.server.serving(), 0);
}

async fn a_handler_that_ends_with_its_section_is_answered_with_its_result(join_by: Join) {
    let (began, mut ended) = mpsc::unbounded_channel();
    let scene = scene(join_by, move |cx, stage| {
        let began = began.clone();
        async move {
            cx.shield(stage.section()).await;
            began.send(cx.is_cancelled()).expect("the test listens");
            Ok(7)
        }
    })
    .await;
    cancelled_in_its_section(&scene).await;
    scene.stage.leave.notify_one();
    assert_eq!(ended.recv().await, Some(true), "it ran to its end, and can see the cancel");
}

async fn a_cancel_after_the_section_stops_the_handler(join_by: Join) {
    let mut scene = scene(join_by, |cx, stage| async move {
        cx.shield(async {}).await;
        stage.section().await;
        Ok(1)
    })
    .await;
    cancelled_in_its_section(&scene).await;
    scene.dropped.recv().await.expect("the handler is dropped");
    assert_eq!(scene.stage.log.take(), ["entered"]);
}

async fn a_lost_caller_does_not_interrupt_a_section(join_by: Join) {
    let mut scene = scene(join_by, |cx, stage| async move {
        cx.shield(stage.section()).await;
        std::future::pending::<()>().await;
        Ok(1)
    })
    .await;
    let call = tokio::spawn(scene.pair.client.call::<i32>("work", ()));
    scene.stage.entered.notified().await;
    scene.pair.client.close(1000, "bye").expect("it may be sent");
    scene.pair.server.closed().await;
    assert!(matches!(call.await, Ok(Err(CallError::Disconnected { .. }))));
    assert!(scene.dropped.try_recv().is_err());
    scene.stage.leave.notify_one();
    scene.dropped.recv().await.expect("the handler is dropped behind its section");
    assert_eq!(scene.stage.log.take(), ["entered", "left"]);
}

async fn sections_nest(join_by: Join) {
    let mut scene = scene(join_by, |cx, stage| async move {
        let inner = cx.clone();
        cx.shield(async {
            inner.shield(async {}).await;
            stage.section().await;
        })
        .await;
        std::future::pending::<()>().await;
        Ok(1)
    })
    .await;
    cancelled_in_its_section(&scene).await;
    assert!(scene.dropped.try_recv().is_err());
    scene.stage.leave.notify_one();
    scene.dropped.recv().await.expect("the handler is dropped");
    assert_eq!(scene.stage.log.take(), ["entered", "left"]);
    assert_eq!(code(&scene.pair.client.call::<i32>("no such", ()).await), -32601);
}
