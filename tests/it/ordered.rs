//! Ordered methods run one at a time on each connection; all others run beside them.

use std::sync::Arc;
use std::time::Duration;

use birpc::{Context, ErrorObject, Router, rpc};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Join, Raw, Record, Side, over_both};

over_both! {
    ordered_methods_run_one_at_a_time_and_others_beside_them
    methods_without_a_trait_may_be_ordered
    an_ordered_call_that_waits_can_be_cancelled
    the_lane_is_free_when_its_call_is_cancelled
    connections_do_not_wait_for_each_other
    a_batch_of_ordered_calls_runs_in_order
    a_full_lane_keeps_nobody_else_from_running
    a_handler_that_is_ready_at_once_leaves_the_lane_free
}

const SECOND: Duration = Duration::from_secs(1);

type Answer<T> = Result<T, ErrorObject>;

#[rpc]
trait Editor {
    #[rpc(ordered)]
    async fn open(&self, number: u32) -> Answer<u32>;
    #[rpc(ordered, notification)]
    async fn change(&self, number: u32);
    async fn look(&self, number: u32) -> Answer<u32>;
}

/// Reports what starts. Continues when the test releases it, one at a time.
#[derive(Clone)]
struct Slow {
    started: Record<u32>,
    gate: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self { started: Record::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    async fn work(&self, number: u32) {
        self.started.push(number);
        self.gate.acquire().await.expect("it is never closed").forget();
    }

    fn side(&self) -> Side {
        Side::new(Router::new().service(EditorServer::new(self.clone())))
    }
}

impl Editor for Slow {
    async fn open(&self, number: u32) -> Answer<u32> {
        self.work(number).await;
        Ok(number)
    }

    async fn change(&self, number: u32) {
        self.work(number).await;
    }

    async fn look(&self, number: u32) -> Answer<u32> {
        Ok(number)
    }
}

fn request(method: &str, number: u32) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": [number], "id": number})
}

fn cancel(number: u32) -> Value {
    json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": number}})
}

async fn send(raw: &mut Raw, messages: impl IntoIterator<Item = Value>) {
    raw.send(messages.into_iter().map(|message| message.to_string())).await;
}

async fn ordered_methods_run_one_at_a_time_and_others_beside_them(join_by: Join) {
    let slow = Slow::new();
    let (mut raw, peer) = join_by.raw(None, slow.side()).await;
    let change = json!({"jsonrpc": "2.0", "method": "change", "params": [2]});
    send(&mut raw, [request("open", 1), change, request("open", 3), request("look", 4)]).await;
    assert_eq!(raw.json().await["result"], 4, "it passed those in the lane");
    assert_eq!((slow.started.take(), peer.serving()), (vec![1], 3));
    slow.gate.add_permits(1);
    assert_eq!(raw.json().await["result"], 1);
    // The notification reports nothing when it ends; the call after it does.
    slow.gate.add_permits(1);
    send(&mut raw, [request("look", 5)]).await;
    assert_eq!(raw.json().await["result"], 5);
    slow.gate.add_permits(1);
    assert_eq!(raw.json().await["result"], 3);
    assert_eq!(slow.started.take(), [2, 3]);
}

async fn methods_without_a_trait_may_be_ordered(join_by: Join) {
    let slow = Slow::new();
    let (first, second) = (slow.clone(), slow.clone());
    let ordered = Router::new()
        .method("open", move |_, (number,): (u32,)| {
            let slow = first.clone();
            async move { slow.open(number).await }
        })
        .notification("change", move |_, (number,): (u32,)| {
            let slow = second.clone();
            async move { slow.change(number).await }
        });
    let look = |_, (number,): (u32,)| async move { Ok::<_, ErrorObject>(number) };
    let router = Router::new().ordered(ordered).method("look", look);
    router.check().expect("each has a name of its own");
    let (mut raw, _) = join_by.raw(None, Side::new(router)).await;
    let change = json!({"jsonrpc": "2.0", "method": "change", "params": [1]});
    send(&mut raw, [change, request("open", 2), request("look", 3)]).await;
    assert_eq!(raw.json().await["result"], 3);
    assert_eq!(slow.started.take(), [1]);
    slow.gate.add_permits(2);
    assert_eq!(raw.json().await["result"], 2);
    assert_eq!(slow.started.take(), [2]);
}

async fn an_ordered_call_that_waits_can_be_cancelled(join_by: Join) {
    let slow = Slow::new();
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), slow.side()).await;
    send(&mut raw, [request("open", 1), request("open", 2), request("open", 3), cancel(2)]).await;
    let reply = raw.json().await;
    assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(2), &json!(-32800)));
    slow.gate.add_permits(2);
    assert_eq!(raw.json().await["result"], 1);
    assert_eq!(raw.json().await["result"], 3);
    assert_eq!((slow.started.take(), peer.serving()), (vec![1, 3], 0));
}

async fn the_lane_is_free_when_its_call_is_cancelled(join_by: Join) {
    let slow = Slow::new();
    let (mut raw, _) = join_by.raw(Some("birpc.v1"), slow.side()).await;
    send(&mut raw, [request("open", 1), request("open", 2), cancel(1)]).await;
    assert_eq!(raw.json().await["error"]["code"], -32800);
    slow.gate.add_permits(1);
    assert_eq!(raw.json().await["result"], 2);
    assert_eq!(slow.started.take(), [1, 2]);
}

async fn connections_do_not_wait_for_each_other(join_by: Join) {
    let slow = Slow::new();
    let (mut first, _) = join_by.raw(None, slow.side()).await;
    let (mut second, _) = join_by.raw(None, slow.side()).await;
    for (raw, number) in [(&mut first, 1), (&mut second, 10)] {
        send(raw, [request("open", number), request("look", number + 1)]).await;
        assert_eq!(raw.json().await["result"], number + 1);
    }
    assert_eq!(slow.started.take(), [1, 10]);
}

async fn a_batch_of_ordered_calls_runs_in_order(join_by: Join) {
    let slow = Slow::new();
    let (mut raw, _) = join_by.raw(None, slow.side()).await;
    send(&mut raw, [json!([request("open", 1), request("look", 2), request("open", 3)])]).await;
    send(&mut raw, [request("open", 4), request("look", 5)]).await;
    assert_eq!(raw.json().await["result"], 5);
    assert_eq!(slow.started.take(), [1]);
    slow.gate.add_permits(3);
    let replies = raw.json().await;
    let results: Vec<_> = replies.as_array().into_iter().flatten().map(|reply| &reply["result"]).collect();
    assert_eq!(results, [2, 1, 3], "as they ended");
    assert_eq!(raw.json().await["result"], 4);
    assert_eq!(slow.started.take(), [3, 4]);
}

async fn a_full_lane_keeps_nobody_else_from_running(join_by: Join) {
    let slow = Slow::new();
    let (mut raw, peer) = join_by.raw(None, slow.side().in_flight(2)).await;
    send(&mut raw, (1..5).map(|number| request("open", number))).await; // one runs, two wait
    let reply = raw.json().await;
    assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(4), &json!(-32005)));
    send(&mut raw, [request("look", 6)]).await;
    assert_eq!(raw.json().await["result"], 6);
    assert_eq!(peer.serving(), 3);
    slow.gate.add_permits(3);
    for number in 1..4 {
        assert_eq!(raw.json().await["result"], number);
    }
    assert_eq!(slow.started.take(), [1, 2, 3]);
}

async fn a_handler_that_is_ready_at_once_leaves_the_lane_free(join_by: Join) {
    let slow = Slow::new();
    slow.gate.add_permits(3);
    let (mut raw, _) = join_by.raw(None, slow.side()).await;
    for number in 1..4 {
        assert_eq!(raw.ask(&request("open", number).to_string()).await["result"], number);
    }
    slow.gate.add_permits(1);
    send(&mut raw, [request("open", 4)]).await;
    assert_eq!(raw.json().await["result"], 4);
}

// As documented: only a timeout ends this.
#[tokio::test(start_paused = true)]
async fn an_ordered_method_that_calls_itself_through_its_peer_waits_for_itself() {
    let there_and_back = || {
        Router::new().ordered(Router::new().method("bounce", |cx: Context, (times,): (u32,)| async move {
            Ok::<u32, ErrorObject>(match times {
                0 => 0,
                _ => cx.peer().call::<u32>("bounce", [times - 1]).with_timeout(SECOND).await?,
            })
        }))
    };
    let pair = Join::Memory.peers(Side::new(there_and_back()), Side::new(there_and_back())).await;
    assert_eq!(pair.client.call::<u32>("bounce", [1]).await, Ok(0), "there and back: two lanes");
    // The client's lane is free; the server's is occupied by the call that waits for this one.
    let outcome = pair.client.call::<u32>("bounce", [2]).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(pair.client.call::<u32>("bounce", [1]).await, Ok(0), "the lanes are free again");
}
