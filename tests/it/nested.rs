//! Calls that are made through the context of a call are cancelled with it, whichever task awaits them.

use std::{future::poll_fn, task::Poll};

use birpc::{CallError, Context, ErrorObject, Peer, Router};
use tokio::sync::mpsc;

use crate::support::{Hanging, Join, NoParams, Pair, Side, hanging, over_both};

over_both! {
    a_nested_call_in_a_task_of_its_own_is_cancelled_with_its_cause
    a_batch_in_a_task_of_its_own_is_cancelled_with_its_cause
    a_shield_holds_for_what_other_tasks_call
    one_of_an_unbound_handle_goes_on
    one_under_way_when_its_cause_ends_goes_on
    a_kept_handle_outlives_the_cancel_of_its_cause
    a_shielded_one_is_not_cancelled
}

type Outcome = Result<(), CallError>;

/// A client that serves `hang`, and a server whose `outer` runs the test's code and then never ends.
struct Scene {
    pair: Pair,
    /// The client's `hang`.
    hanging: Hanging,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    /// The server's `outer` was polled once.
    began: mpsc::UnboundedReceiver<()>,
}

async fn scene<F, Fut>(join_by: Join, outer: F) -> Scene
where
    F: Fn(Context, mpsc::UnboundedSender<Outcome>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (back, hanging) = hanging();
    let back = back.method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) });
    let (tell, outcomes) = mpsc::unbounded_channel();
    let (begin, began) = mpsc::unbounded_channel();
    let router = Router::new()
        .method("outer", move |cx, _: NoParams| {
            let mut outer = Box::pin(outer(cx, tell.clone()));
            let begin = begin.clone();
            async move {
                let first = poll_fn(|cx| Poll::Ready(outer.as_mut().poll(cx))).await;
                let _ = begin.send(());
                if first.is_pending() {
                    outer.await;
                }
                Ok::<_, ErrorObject>(())
            }
        })
        .method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) });
    let pair = join_by.peers(Side::new(back), Side::new(router)).await;
    Scene { pair, hanging, outcomes, began }
}

fn call_in_a_task(peer: Peer, tell: mpsc::UnboundedSender<Outcome>) {
    tokio::spawn(async move { tell.send(peer.call("hang", ()).await) });
}

impl Scene {
    /// Calls `outer`, and waits until its handler was polled.
    async fn outer(&mut self) -> tokio::task::JoinHandle<Outcome> {
        let outer = tokio::spawn(self.pair.client.call("outer", ()));
        self.began.recv().await.expect("it begins");
        outer
    }

    async fn fence(&self) {
        assert_eq!(self.pair.client.call::<i32>("ping", ()).await, Ok(1));
        assert_eq!(self.pair.server.call::<i32>("ping", ()).await, Ok(1));
    }
}

async fn a_nested_call_in_a_task_of_its_own_is_cancelled_with_its_cause(join_by: Join) {
    let mut scene = scene(join_by, |cx, tell| {
        call_in_a_task(cx.peer(), tell);
        std::future::pending()
    })
    .await;
    let outer = scene.outer().await;
    scene.hanging.began.recv().await.expect("the nested call is served");
    outer.abort();
    assert_eq!(scene.outcomes.recv().await, Some(Err(CallError::Cancelled)));
    scene.hanging.dropped.recv().await.expect("its handler is dropped at the other side");
    assert_eq!(scene.pair.server.in_flight(), 0);
}

async fn a_batch_in_a_task_of_its_own_is_cancelled_with_its_cause(join_by: Join) {
    let mut scene = scene(join_by, |cx, tell| {
        tokio::spawn(async move {
            let mut batch = cx.peer().batch();
            let (one, two) = (batch.call("hang", ()), batch.call("hang", ()));
            batch.send().await.expect("it is open");
            let _ = tell.send(one.await);
            // Its future is polled only now, long after the cancel.
            let _ = tell.send(two.await);
        });
        std::future::pending()
    })
    .await;
    let outer = scene.outer().await;
    for _ in 0..2 {
        scene.hanging.began.recv().await.expect("the nested calls are served");
    }
    outer.abort();
    for _ in 0..2 {
        assert_eq!(scene.outcomes.recv().await, Some(Err(CallError::Cancelled)));
        scene.hanging.dropped.recv().await.expect("its handler is dropped at the other side");
    }
    assert_eq!(scene.pair.server.in_flight(), 0);
}

async fn a_shield_holds_for_what_other_tasks_call(join_by: Join) {
    let mut scene = scene(join_by, |cx, tell| {
        let task = cx.clone();
        tokio::spawn(async move {
            task.cancelled().await;
            // The handler is still there, since it shields itself.
            let _ = tell.send(task.peer().call("ping", ()).await.map(|_: i32| ()));
        });
        async move { cx.shield(std::future::pending()).await }
    })
    .await;
    let outer = scene.outer().await;
    outer.abort();
    assert_eq!(scene.outcomes.recv().await, Some(Ok(())), "a shield holds for all calls of its call");
}

async fn one_of_an_unbound_handle_goes_on(join_by: Join) {
    let mut scene = scene(join_by, |cx, tell| {
        call_in_a_task(cx.peer().detached(), tell);
        std::future::pending()
    })
    .await;
    let outer = scene.outer().await;
    scene.hanging.began.recv().await.expect("the nested call is served");
    outer.abort();
    while scene.pair.client.unmatched_responses() == 0 {
        scene.fence().await; // until the outer call has been answered as cancelled
    }
    assert_eq!(scene.pair.server.in_flight(), 1);
    assert!(scene.outcomes.try_recv().is_err() && scene.hanging.dropped.try_recv().is_err());
}

async fn one_under_way_when_its_cause_ends_goes_on(join_by: Join) {
    let mut scene = scene(join_by, |cx, tell| {
        call_in_a_task(cx.peer(), tell);
        std::future::ready(())
    })
    .await;
    assert_eq!(scene.outer().await.await.expect("it ran"), Ok(()));
    scene.hanging.began.recv().await.expect("the nested call is served");
    scene.fence().await;
    assert_eq!(scene.pair.server.in_flight(), 1);
    assert!(scene.outcomes.try_recv().is_err());
}

async fn a_kept_handle_outlives_the_cancel_of_its_cause(join_by: Join) {
    let (keep, mut kept) = mpsc::unbounded_channel();
    let mut scene = scene(join_by, move |cx, _| {
        keep.send(cx.peer()).expect("the test listens");
        std::future::pending()
    })
    .await;
    let outer = scene.outer().await;
    let peer = kept.recv().await.expect("it began");
    outer.abort();
    while scene.pair.client.unmatched_responses() == 0 {
        scene.fence().await;
    }
    assert_eq!(peer.call::<i32>("ping", ()).await, Ok(1));
}

async fn a_shielded_one_is_not_cancelled(join_by: Join) {
    let (tell_handle, mut handles) = mpsc::unbounded_channel();
    let mut scene = scene(join_by, move |cx, tell| {
        let tell_handle = tell_handle.clone();
        async move {
            let nested = cx.peer().call::<()>("hang", ());
            tell_handle.send(nested.handle()).expect("the test listens");
            let outcome = cx.shield(nested).await;
            let _ = tell.send(outcome);
        }
    })
    .await;
    let outer = scene.outer().await;
    let handle = handles.recv().await.expect("it began");
    scene.hanging.began.recv().await.expect("the nested call is served");
    outer.abort();
    scene.fence().await;
    assert!(scene.outcomes.try_recv().is_err(), "the cancel has come, and the section goes on");
    handle.cancel();
    assert_eq!(scene.outcomes.recv().await, Some(Err(CallError::Cancelled)));
    assert_eq!(scene.pair.server.in_flight(), 0);
}
