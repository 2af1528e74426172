//! The tasks that wait until there is room in the write queue, or credit for a notification.

use std::collections::BTreeMap;
use std::task::Waker;

/// The maximum number of tasks that are woken at once when there is room. Each that succeeds wakes the next.
const WAKE_AT_ONCE: usize = 64;

/// A position in the line of tasks that wait.
pub(crate) type Ticket = u64;

/// The waiting tasks. A waker that a method returns must be dropped outside of the lock, since that may run
/// code of the executor.
#[derive(Default)]
pub(super) struct Waiters {
    next_ticket: Ticket,
    /// `None` if nothing has waited lately, as in most connections.
    lines: Option<Box<Lines>>,
}

#[derive(Default)]
struct Lines {
    /// The tasks that wait for room, by ticket: in order of arrival.
    room: BTreeMap<Ticket, Waker>,
    /// The tasks that wait for credit, by ticket. They are separate, since tasks that wait for room pass
    /// them.
    credit: BTreeMap<Ticket, Waker>,
    /// The handlers that are paused until there is room, by their keys in the table of incoming calls.
    paused: BTreeMap<usize, Waker>,
}

impl Lines {
    fn is_empty(&self) -> bool {
        self.paused.is_empty() && self.room.is_empty() && self.credit.is_empty()
    }
}

impl Waiters {
    /// Puts a task into the line of those that wait for room. Returns the waker that it had registered
    /// before.
    pub(super) fn wait_for_room(&mut self, ticket: &mut Option<Ticket>, waker: Waker) -> Option<Waker> {
        let ticket = self.ticket(ticket);
        let lines = self.lines.get_or_insert_default();
        let other = lines.credit.remove(&ticket);
        lines.room.insert(ticket, waker).or(other)
    }

    /// The same for credit.
    pub(super) fn wait_for_credit(&mut self, ticket: &mut Option<Ticket>, waker: Waker) -> Option<Waker> {
        let ticket = self.ticket(ticket);
        let lines = self.lines.get_or_insert_default();
        let other = lines.room.remove(&ticket);
        lines.credit.insert(ticket, waker).or(other)
    }

    fn ticket(&mut self, ticket: &mut Option<Ticket>) -> Ticket {
        *ticket.get_or_insert_with(|| {
            self.next_ticket += 1;
            self.next_ticket
        })
    }

    /// Pauses a handler until there is room. Returns the waker that it had registered before.
    pub(super) fn pause(&mut self, key: usize, waker: Waker) -> Option<Waker> {
        self.lines.get_or_insert_default().paused.insert(key, waker)
    }

    /// Removes a task from its line.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waker> {
        let lines = self.lines.as_mut()?;
        lines.room.remove(&ticket).or_else(|| lines.credit.remove(&ticket))
    }

    /// Whether tasks wait for room or for credit.
    pub(super) fn are_in_line(&self) -> bool {
        self.lines.as_ref().is_some_and(|lines| !lines.room.is_empty() || !lines.credit.is_empty())
    }

    /// Whether a task waits for credit.
    pub(super) fn lack_credit(&self) -> bool {
        self.lines.as_ref().is_some_and(|lines| !lines.credit.is_empty())
    }

    /// Takes the wakers of all paused handlers and of the first tasks in the line, and of as many tasks that
    /// wait for credit as there is credit for notifications. A task that is woken and finds no room keeps its
    /// position.
    pub(super) fn take(&mut self, credit: usize) -> Vec<Waker> {
        // This is called in each turn, and usually nothing waits.
        let Some(lines) = self.lines.as_mut().filter(|lines| !lines.is_empty()) else { return Vec::new() };
        let paused = std::mem::take(&mut lines.paused).into_values();
        let room = std::iter::from_fn(|| lines.room.pop_first()).take(WAKE_AT_ONCE);
        let credited = std::iter::from_fn(|| lines.credit.pop_first()).take(credit.min(WAKE_AT_ONCE));
        paused.chain(room.chain(credited).map(|(_, waker)| waker)).collect()
    }

    /// Takes the wakers of all that wait.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let lines = self.lines.take().map(|lines| *lines).unwrap_or_default();
        lines.room.into_values().chain(lines.credit.into_values()).chain(lines.paused.into_values())
    }

    /// Frees the memory of empty lines.
    pub(super) fn shrink(&mut self) {
        self.lines.take_if(|lines| lines.is_empty());
    }
}
