//! The state of a connection, and what it does as long as it polls no handler.

use std::collections::VecDeque;
use std::sync::Arc;

use super::budget::Budget;
use super::clock::Clock;
use super::closing::Phase;
use super::first_poll::{FirstPoll, Held, Opening};
use super::gathering::Gathering;
use super::receive::Unread;
use super::serving::Serving;
use super::writer::Writer;
use crate::close::{CloseFrame, CloseReason};
use crate::dispatch::Router;
use crate::observe::ConnectionMeter;
use crate::shared_state::{QueuedFrame, SharedState};
use crate::transport::Transport;

/// Runs once the connection has ended, before its values are dropped.
pub(super) type OnEnd = Box<dyn FnOnce(&CloseReason) + Send>;

/// All that a connection consists of. Whoever works on it owns it; between turns, and while a handler is
/// polled for the first time, it is in its [`super::slot::Slot`].
pub(super) struct Core<T> {
    pub(super) shared: Arc<SharedState>,
    pub(super) writer: Writer<T>,
    pub(super) serving: Serving,
    pub(super) clock: Clock,
    pub(super) meter: ConnectionMeter,
    pub(super) phase: Phase,
    /// Messages in a row that were not JSON.
    pub(super) not_json: u8,
    /// What is left of a batch; nothing more is read before it.
    pub(super) unread: Option<Unread>,
    /// Of the step of a turn that is under way.
    pub(super) budget: Budget,
    pub(super) gathering: Gathering,
    /// What was taken from the link and is on its way to the transport; empty between turns.
    pub(super) taken: VecDeque<QueuedFrame>,
    /// Whether the link still holds what one turn could not take.
    pub(super) more_queued: bool,
    /// The close that was asked for; it goes out behind what is queued.
    pub(super) requested_close: Option<CloseFrame>,
    /// Bytes of answers that no handler gave, such as refusals and pongs, since the peer last read.
    pub(super) unsolicited_bytes: usize,
    /// The first poll that is under way.
    pub(super) held: Option<Held>,
    /// What is to run before the first message is read.
    pub(super) opening: Opening,
    pub(super) on_end: Option<OnEnd>,
}

impl<T: Transport> Core<T> {
    pub(super) fn new(transport: T, shared: Arc<SharedState>) -> Self {
        Self {
            clock: Clock::new(&shared.config),
            meter: ConnectionMeter::begin(),
            serving: Serving::new(Arc::new(Router::new())),
            writer: Writer::new(transport, shared.id),
            shared,
            phase: Phase::Open { close_by: None },
            not_json: 0,
            unread: None,
            budget: Budget::FULL,
            gathering: Gathering::default(),
            taken: VecDeque::new(),
            more_queued: false,
            requested_close: None,
            unsolicited_bytes: 0,
            held: None,
            opening: Opening::None,
            on_end: None,
        }
    }
}

impl<T> Drop for Core<T> {
    /// A runtime that shuts down drops the task: callers and handlers learn of it.
    fn drop(&mut self) {
        self.serving.abandon(&self.shared);
        if let Some(FirstPoll::New(fresh)) = self.held.take().map(|held| held.what) {
            // Its handler is polled right now, and the table does not know it.
            fresh.call.cancel();
            self.shared.drain.count_cut(1);
        }
        self.shared.end(CloseReason::lost("the connection's task was dropped"));
        // A value may hold a peer of this very connection.
        self.shared.values.clear();
    }
}
