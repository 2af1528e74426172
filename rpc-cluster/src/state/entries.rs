//! Presence between servers: this server's changes to the others, and theirs to this one.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::outbox::{Outbox, Purpose};
use super::output::Output;
use crate::envelope::{EntryKey, MAX_ENTRY, Message, PresenceWord};
use crate::node_id::NodeId;
use crate::presence::{Change, OtherEntries, OwnEntries, Piece};
use crate::topic::Topic;

/// The bytes of a piece of a snapshot, about.
const PIECE: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct PresenceEntries {
    own: OwnEntries<EntryKey, Bytes>,
    others: OtherEntries<EntryKey, Bytes>,
    /// The snapshots that other servers have asked for, at most one for each.
    snapshots: VecDeque<Snapshot>,
}

/// A snapshot of which some pieces have been published.
#[derive(Debug)]
struct Snapshot {
    node: NodeId,
    version: u64,
    index: u32,
    after: Option<EntryKey>,
}

impl PresenceEntries {
    /// `version`: greater than each that a former node of this server had.
    pub(super) fn new(version: u64) -> Self {
        Self { own: OwnEntries::new(version), others: OtherEntries::default(), snapshots: VecDeque::new() }
    }

    /// The version of this server's entries.
    pub(super) fn version(&self) -> u64 {
        self.own.version()
    }

    /// An entry of this server has changed.
    pub(super) fn change(&mut self, key: EntryKey, meta: Option<Bytes>, now: Duration, outbox: &mut Outbox) {
        let delta = self.own.change(key, meta);
        // Otherwise the others learn from the next heartbeat that something has changed, and ask for it.
        if !outbox.is_calm() {
            return;
        }
        let message = Message::Presence(PresenceWord::Delta(delta));
        outbox.publish(Topic::All, message, Purpose::Plain, MAX_ENTRY, now);
    }

    /// A server has said which version its entries have.
    pub(super) fn handle_version(&mut self, node: NodeId, version: u64, now: Duration, outbox: &mut Outbox) {
        if self.others.handle_version(node, version) {
            outbox.tell(node, Message::Presence(PresenceWord::Request), now);
        }
    }

    pub(super) fn handle_word(
        &mut self,
        node: NodeId,
        word: PresenceWord,
        now: Duration,
        outbox: &mut Outbox,
    ) {
        let changes = match word {
            PresenceWord::Delta(delta) => {
                let (changes, needs_snapshot) = self.others.handle_delta(node, delta);
                if needs_snapshot {
                    outbox.tell(node, Message::Presence(PresenceWord::Request), now);
                }
                changes
            }
            PresenceWord::Request => {
                if self.snapshots.iter().all(|snapshot| snapshot.node != node) {
                    let version = self.own.version();
                    self.snapshots.push_back(Snapshot { node, version, index: 0, after: None });
                }
                return;
            }
            PresenceWord::Piece(piece) => self.others.handle_piece(node, piece),
        };
        tell(node, changes, outbox);
    }

    /// A server is gone, or leaves.
    pub(super) fn handle_gone(&mut self, node: NodeId, outbox: &mut Outbox) {
        self.snapshots.retain(|snapshot| snapshot.node != node);
        self.others.handle_gone(node);
        outbox.put(Output::NodeGone(node));
    }

    /// Publishes the next piece of a snapshot, if there is room.
    pub(super) fn settle(&mut self, now: Duration, outbox: &mut Outbox) {
        while outbox.is_calm()
            && let Some(mut snapshot) = self.snapshots.pop_front()
        {
            let count = (outbox.max_text().min(PIECE) / MAX_ENTRY).max(1);
            let (entries, is_last) = self.own.after(snapshot.after.as_ref(), count);
            let last_key = entries.last().map(|(key, _)| key.clone());
            let Snapshot { node, version, index, .. } = snapshot;
            let piece = Piece { version, index, is_last, entries };
            let message = Message::Presence(PresenceWord::Piece(piece));
            outbox.publish(Topic::Node(node), message, Purpose::Plain, count * MAX_ENTRY, now);
            if !is_last {
                snapshot.index += 1;
                snapshot.after = last_key;
                self.snapshots.push_back(snapshot);
            }
        }
    }
}

fn tell(node: NodeId, changes: Vec<Change<EntryKey, Bytes>>, outbox: &mut Outbox) {
    if !changes.is_empty() {
        let changes = changes.into_iter().map(|(_, key, meta)| (key, meta)).collect();
        outbox.put(Output::Presence(node, changes));
    }
}
