//! What happens to notifications of plain peers past a limit of calls.

use std::sync::Arc;

use birpc::{Context, Dialect, ErrorObject, Overflow, Router, rpc};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{Heard, Join, Raw, Record, Side, over_both};

over_both! {
    by_default_those_past_the_limit_are_dropped_and_counted
    of_latest_only_the_newest_waits
    of_latest_each_method_has_its_own_place_and_nothing_is_passed
    close_closes_with_1013
    the_dialect_of_lsp_closes
    a_method_decides_before_the_connection
    past_the_calls_of_a_server_the_method_decides_too
}

/// Serves notifications that wait for a permit, one at a time.
#[derive(Clone, Default)]
struct Gated {
    gate: Arc<Held>,
    heard: Record<String>,
}

struct Held(Semaphore);

impl Default for Held {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

#[rpc]
trait Editor {
    #[rpc(notification, ordered)]
    async fn line(&self, line: String);
    #[rpc(notification, ordered, overflow = "drop")]
    async fn dropped(&self, line: String);
    #[rpc(notification, ordered, overflow = "latest")]
    async fn moved(&self, line: String);
    #[rpc(notification, ordered, overflow = "latest")]
    async fn scrolled(&self, line: String);
    #[rpc(notification, ordered, overflow = "close")]
    async fn changed(&self, line: String);
    async fn release(&self) -> Result<(), ErrorObject>;
}

impl Gated {
    async fn hear(&self, line: String) {
        self.gate.0.acquire().await.expect("it stays open").forget();
        self.heard.push(line);
    }

    fn side(&self) -> Side {
        Side::new(EditorServer::new(self.clone())).limits(|limits| limits.max_in_flight = 2)
    }
}

impl Editor for Gated {
    async fn line(&self, line: String) {
        self.hear(line).await;
    }

    async fn dropped(&self, line: String) {
        self.hear(line).await;
    }

    async fn moved(&self, line: String) {
        self.hear(line).await;
    }

    async fn scrolled(&self, line: String) {
        self.hear(line).await;
    }

    async fn changed(&self, line: String) {
        self.hear(line).await;
    }

    async fn release(&self) -> Result<(), ErrorObject> {
        self.gate.0.add_permits(1_000_000);
        Ok(())
    }
}

async fn send(raw: &mut Raw, lines: impl IntoIterator<Item = (&str, String)>) {
    let text = |(method, line): (&str, String)| {
        json!({"jsonrpc": "2.0", "method": method, "params": [line]}).to_string()
    };
    raw.send(lines.into_iter().map(text)).await;
}

/// Lets all waiting handlers run, and returns what they received.
async fn heard(raw: &mut Raw, gated: &Gated, peer: &birpc::Peer) -> Vec<String> {
    raw.ask(r#"{"jsonrpc":"2.0","id":1,"method":"release"}"#).await;
    while peer.serving() > 0 {
        tokio::task::yield_now().await;
    }
    gated.heard.take()
}

async fn by_default_those_past_the_limit_are_dropped_and_counted(join_by: Join) {
    let gated = Gated::default();
    let (mut raw, peer) = join_by.raw(Some("jsonrpc"), gated.side()).await;
    send(&mut raw, (0..10).map(|number| ("line", number.to_string()))).await;
    assert_eq!(heard(&mut raw, &gated, &peer).await, ["0", "1", "2"], "one runs, two wait");
    assert_eq!(peer.dropped_notifications(), 7);
}

async fn of_latest_only_the_newest_waits(join_by: Join) {
    let gated = Gated::default();
    let (mut raw, peer) = join_by.raw(Some("jsonrpc"), gated.side()).await;
    // Notifications of other methods use up the limits; this method's are kept all the same.
    send(&mut raw, (0..5).map(|number| ("line", number.to_string()))).await;
    send(&mut raw, (0..10_000).map(|number| ("moved", number.to_string()))).await;
    assert_eq!(heard(&mut raw, &gated, &peer).await, ["0", "1", "2", "9999"]);
    assert_eq!(peer.dropped_notifications(), 2 + 9_999);
}

async fn of_latest_each_method_has_its_own_place_and_nothing_is_passed(join_by: Join) {
    let gated = Gated::default();
    let (mut raw, peer) = join_by.raw(Some("jsonrpc"), gated.side()).await;
    let lines = [("line", "first"), ("moved", "a"), ("scrolled", "b"), ("line", "second"), ("moved", "c")];
    send(&mut raw, lines.map(|(method, line)| (method, line.to_owned()))).await;
    assert_eq!(heard(&mut raw, &gated, &peer).await, ["first", "b", "second", "c"]);
    // A notification that has started is not replaced, and another may wait in its place.
    send(&mut raw, [("moved", "d".to_owned())]).await;
    assert_eq!(heard(&mut raw, &gated, &peer).await, ["d"]);
    assert_eq!(peer.dropped_notifications(), 1);
}

async fn close_closes_with_1013(join_by: Join) {
    let gated = Gated::default();
    let (mut raw, peer) = join_by.raw(Some("jsonrpc"), gated.side()).await;
    send(&mut raw, (0..4).map(|number| ("changed", number.to_string()))).await;
    let closed = raw.hear().await;
    let reason = "a notification is past a limit, and must not be missed (overflow)";
    assert_eq!(closed, Heard::Close(1013, reason.to_owned()));
    assert_eq!(peer.close_reason().map(|reason| reason.code), Some(1013));
}

async fn the_dialect_of_lsp_closes(join_by: Join) {
    let gated = Gated::default();
    let side = || gated.side().config(|config| config.dialect = Dialect::lsp());
    let (mut raw, _peer) = join_by.raw(None, side()).await;
    send(&mut raw, (0..4).map(|number| ("line", number.to_string()))).await;
    assert!(matches!(raw.hear().await, Heard::Close(1013, _)));
}

async fn a_method_decides_before_the_connection(join_by: Join) {
    let gated = Gated::default();
    let side = gated.side().config(|config| config.overflow = Some(Overflow::Close));
    // A server for sockets is made with a builder, which does not have all of these settings.
    if matches!(join_by, Join::Socket) {
        return;
    }
    let (mut raw, peer) = join_by.raw(None, side).await;
    send(&mut raw, (0..10).map(|number| ("dropped", number.to_string()))).await;
    assert_eq!(heard(&mut raw, &gated, &peer).await, ["0", "1", "2"]);
    let router = Router::new()
        .overflow(Overflow::Drop, Router::new().notification("log", |_: Context, _: (String,)| async {}));
    assert_eq!(router.methods().collect::<Vec<_>>(), ["log"]);
}

async fn past_the_calls_of_a_server_the_method_decides_too(join_by: Join) {
    let gated = Gated::default();
    let side = || gated.side().limits(|limits| limits.max_open_total = Some(2));
    if !matches!(join_by, Join::Socket) {
        return; // the limit is one of servers
    }
    let (mut raw, _peer) = join_by.raw(None, side()).await;
    send(&mut raw, (0..3).map(|number| ("changed", number.to_string()))).await;
    assert!(matches!(raw.hear().await, Heard::Close(1013, _)));
    let (mut raw, peer) = join_by.raw(None, side()).await;
    send(&mut raw, (0..3).map(|number| ("line", number.to_string()))).await;
    send(&mut raw, (0..3).map(|number| ("moved", number.to_string()))).await;
    while peer.dropped_notifications() < 1 + 2 {
        tokio::task::yield_now().await;
    }
    gated.gate.0.add_permits(1_000_000);
    while peer.serving() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(gated.heard.take().last().map(String::as_str), Some("2"));
}
