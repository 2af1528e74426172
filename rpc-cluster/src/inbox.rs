//! What this server's groups want of the node, until the node's task takes it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::envelope::EntryKey;
use crate::state::{Command, Ticket};
use crate::waiter::Waiter;

/// The maximum number of commands that wait, and of the bytes of their texts.
const MAX_WAITING: usize = 16_384;
const MAX_BYTES: usize = 64 << 20;

/// The queue between the groups and the node's task. Nothing here waits.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queued: Mutex<Queued>,
}

/// What the node's task takes.
#[derive(Debug, Default)]
pub(crate) struct Queued {
    /// Whether this server has peers of a target: the latest state, so at most one for each target.
    pub(crate) wanted: HashMap<Target, bool>,
    /// Entries of this server's presence that have changed, at most one for each entry.
    pub(crate) presence: BTreeMap<EntryKey, Option<Bytes>>,
    pub(crate) commands: VecDeque<(Ticket, Command, Waiter)>,
    /// Tickets that nobody waits for any more: at most as many as were waited for.
    pub(crate) forgotten: Vec<Ticket>,
    pub(crate) controls: Vec<Control>,
    bytes: usize,
    last_ticket: Ticket,
    is_closed: bool,
    waker: Option<Waker>,
}

/// What the application wants of the node itself.
#[derive(Debug)]
pub(crate) enum Control {
    /// To begin to leave.
    Leave,
    /// To end, at the latest then.
    ShutDown(Instant, oneshot::Sender<()>),
}

impl Inbox {
    /// `last_ticket`: at least the last one of a former node of this server.
    pub(crate) fn new(last_ticket: Ticket) -> Self {
        Self { queued: Mutex::new(Queued { last_ticket, ..Queued::default() }) }
    }

    pub(crate) fn want(&self, target: &Target, is_wanted: bool) {
        let mut queued = self.lock();
        if !queued.is_closed {
            queued.wanted.insert(target.clone(), is_wanted);
        }
        wake(queued);
    }

    pub(crate) fn change_presence(&self, key: EntryKey, meta: Option<Bytes>) {
        let mut queued = self.lock();
        if !queued.is_closed {
            queued.presence.insert(key, meta);
        }
        wake(queued);
    }

    /// Queues a command with `size` bytes of text. `None` if the node has ended or too many wait.
    pub(crate) fn command(&self, command: Command, waiter: Waiter, size: usize) -> Option<Ticket> {
        let mut queued = self.lock();
        let has_room = queued.commands.len() < MAX_WAITING && queued.bytes + size <= MAX_BYTES;
        if queued.is_closed || !has_room {
            return None;
        }
        queued.last_ticket += 1;
        let ticket = queued.last_ticket;
        queued.bytes += size;
        queued.commands.push_back((ticket, command, waiter));
        wake(queued);
        Some(ticket)
    }

    /// Nobody waits for a ticket any more.
    pub(crate) fn forget(&self, ticket: Ticket) {
        let mut queued = self.lock();
        if !queued.is_closed {
            queued.forgotten.push(ticket);
        }
        wake(queued);
    }

    /// Returns `false` if the node has ended.
    pub(crate) fn control(&self, control: Control) -> bool {
        let mut queued = self.lock();
        let is_open = !queued.is_closed;
        if is_open {
            queued.controls.push(control);
        }
        wake(queued);
        is_open
    }

    /// Takes all that waits. If there is nothing, `waker` is woken when there is something.
    pub(crate) fn take(&self, waker: &Waker) -> Option<Queued> {
        let waker = waker.clone();
        let mut queued = self.lock();
        let is_empty = queued.wanted.is_empty()
            && queued.presence.is_empty()
            && queued.commands.is_empty()
            && queued.forgotten.is_empty()
            && queued.controls.is_empty();
        let last_waker = if is_empty {
            queued.waker.replace(waker)
        } else {
            let next = Queued { last_ticket: queued.last_ticket, ..Queued::default() };
            return Some(std::mem::replace(&mut *queued, next));
        };
        drop(queued);
        drop(last_waker);
        None
    }

    /// A ticket for the node itself.
    pub(crate) fn ticket(&self) -> Ticket {
        let mut queued = self.lock();
        queued.last_ticket += 1;
        queued.last_ticket
    }

    /// The node has ended: nothing more is taken. Those who wait learn of it, since their waiters are
    /// dropped.
    pub(crate) fn close(&self) {
        let closed = Queued { is_closed: true, ..Queued::default() };
        let rest = std::mem::replace(&mut *self.lock(), closed);
        drop(rest);
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        // Nothing panics under the lock.
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the node's task, without the lock.
fn wake(mut queued: MutexGuard<'_, Queued>) {
    let waker = queued.waker.take();
    drop(queued);
    waker.into_iter().for_each(Waker::wake);
}
