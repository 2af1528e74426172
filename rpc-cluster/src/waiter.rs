//! Those who wait for what the node does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::asks::Item;
use crate::calls::End;
use crate::interest::Waited;
use crate::state::CallEnd;

/// The maximum size of the answers of an ask that are not read, in bytes. Those beyond are told without
/// their outcome.
const MAX_UNREAD: usize = 64 << 20;

/// Who waits for the end of a command.
#[derive(Debug)]
pub(crate) enum Waiter {
    Published(oneshot::Sender<bool>),
    Called(oneshot::Sender<CallEnd>),
    Counted(oneshot::Sender<u64>),
    Waited(Target, oneshot::Sender<Waited>),
    Asked(AskSender),
}

/// Where the answers of an ask go. The number of items is bounded by that of the peers that were named.
#[derive(Debug)]
pub(crate) struct AskSender {
    items: mpsc::UnboundedSender<Item<Bytes>>,
    unread: Arc<AtomicUsize>,
}

/// Where they are read.
#[derive(Debug)]
pub(crate) struct AskReceiver {
    items: mpsc::UnboundedReceiver<Item<Bytes>>,
    unread: Arc<AtomicUsize>,
}

/// Connects somebody who asks with the node.
pub(crate) fn ask_channel() -> (AskSender, AskReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread = Arc::new(AtomicUsize::new(0));
    (AskSender { items: sender, unread: unread.clone() }, AskReceiver { items: receiver, unread })
}

impl AskSender {
    pub(crate) fn send(&self, item: Item<Bytes>, too_much: &Bytes) {
        let item = match item {
            Item::Member(node, peer, End::Outcome(outcome))
                if self.unread.load(Ordering::Relaxed) + outcome.len() > MAX_UNREAD =>
            {
                Item::Member(node, peer, End::Outcome(too_much.clone()))
            }
            item => item,
        };
        self.unread.fetch_add(size(&item), Ordering::Relaxed);
        // An error means that nobody reads any more.
        let _ = self.items.send(item);
    }
}

impl AskReceiver {
    /// The next item; `None` if the node has ended.
    pub(crate) async fn recv(&mut self) -> Option<Item<Bytes>> {
        let item = self.items.recv().await?;
        self.unread.fetch_sub(size(&item), Ordering::Relaxed);
        Some(item)
    }
}

fn size(item: &Item<Bytes>) -> usize {
    match item {
        Item::Member(_, _, End::Outcome(outcome)) => outcome.len(),
        _ => 0,
    }
}
