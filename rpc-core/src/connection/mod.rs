//! The connection: one task that owns the socket and does everything in turns.
//!
//! A turn takes what was queued, reads some messages, answers what can be answered at once, and flushes
//! once. Whatever has to wait has a task of its own, so nothing here ever waits for a handler.

mod admission;
mod budget;
mod clock;
mod closing;
mod gathering;
mod half_message;
mod receive;
mod serving;
mod turn;
mod wire_log;
mod writer;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use crate::close::{CloseCode, CloseFrame, CloseReason};
use crate::config::Config;
use crate::dispatch::Router;
use crate::info::ConnectionInfo;
use crate::line::LineKeeper;
use crate::link::{Link, Outgoing, SharedLimits};
use crate::observe::ConnectionMeter;
use crate::peer::Peer;
use crate::transport::{MemoryTransport, Transport, memory_pair};
use budget::Budget;
use clock::Clock;
use closing::Phase;
use gathering::Gathering;
use receive::Unread;
use serving::Serving;
use writer::Writer;

/// One end of a connection; a future that runs it and gives the reason of its end. The same for a server
/// and a client: they differ only in how a connection begins.
#[must_use = "a connection does nothing until it is spawned or awaited"]
pub struct Connection<T> {
    link: Arc<Link>,
    writer: Writer<T>,
    serving: Serving,
    clock: Clock,
    meter: ConnectionMeter,
    phase: Phase,
    /// Messages in a row that were not JSON.
    not_json: u8,
    /// What is left of a batch that was too much for one turn; nothing more is read before it.
    unread: Option<Unread>,
    /// Of the step of a turn that is under way.
    budget: Budget,
    gathering: Gathering,
    /// What was taken from the link and is on its way to the transport; empty between turns.
    taken: VecDeque<Outgoing>,
    /// Whether the link still holds what one turn could not take.
    more_queued: bool,
    call_deadline: Option<Instant>,
    /// The close that was asked for; it goes out behind what is queued.
    asked: Option<CloseFrame>,
    /// Bytes of answers that no handler gave, such as refusals and pongs, since the peer last read.
    owed: usize,
}

impl<T: Transport> Connection<T> {
    /// A connection over a transport whose handshake is done, and the handle on its other end. Must be
    /// called within a tokio runtime.
    pub fn new(transport: T, config: Arc<Config>, info: ConnectionInfo) -> (Peer, Self) {
        Self::sharing(transport, config, info, SharedLimits::default())
    }

    /// As [`Connection::new`], for one of several connections that have limits in common.
    pub fn sharing(
        transport: T,
        config: Arc<Config>,
        info: ConnectionInfo,
        shared: SharedLimits,
    ) -> (Peer, Self) {
        Self::with_link(transport, Arc::new(Link::new(config, info, shared)))
    }

    /// The next connection of a line: with the line's settings and values. It is up once
    /// [`LineKeeper::up`] says so; until then it is the handle's alone.
    #[doc(hidden)]
    pub fn on_line(transport: T, keeper: &LineKeeper, info: ConnectionInfo) -> (Peer, Self) {
        Self::with_link(transport, keeper.next_link(info))
    }

    fn with_link(transport: T, link: Arc<Link>) -> (Peer, Self) {
        let peer = Peer::new(link.clone());
        let connection = Self {
            clock: Clock::new(&link.config),
            meter: ConnectionMeter::begin(),
            serving: Serving::new(Arc::new(Router::new())),
            writer: Writer::new(transport, link.id),
            link,
            phase: Phase::Open { close_by: None },
            not_json: 0,
            unread: None,
            budget: Budget::FULL,
            gathering: Gathering::default(),
            taken: VecDeque::new(),
            more_queued: false,
            call_deadline: None,
            asked: None,
            owed: 0,
        };
        (peer, connection)
    }

    /// What this end serves; nothing by default. A router with two methods of one name ([`Router::check`]) closes the
    /// connection with 1011 and a reason that names the method, which the log tells too.
    pub fn serve(mut self, router: impl Into<Arc<Router>>) -> Self {
        let router = router.into();
        if let Err(error) = router.check() {
            tracing::error!(connection = self.link.id, %error, "a connection is not served");
            self.link.close(CloseFrame::cut(CloseCode::INTERNAL, &error.to_string()));
        }
        self.serving = Serving::new(router);
        self
    }
}

impl Connection<MemoryTransport> {
    /// Two peers in one process, joined in memory, with the defaults: for tests. The first handle's calls
    /// go to `right`, the second's to `left`. They speak plain JSON-RPC, so no cancel reaches the other side,
    /// and dropping the handles closes nothing. Must be called within a tokio runtime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), birpc_core::CallError> {
    /// use birpc_core::{Connection, Context, ErrorObject, Router};
    ///
    /// let add = |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) };
    /// let (peer, _) = Connection::pair(Router::new(), Router::new().request("add", add));
    /// assert_eq!(peer.call::<i64>("add", (1, 2)).await?, 3);
    /// # Ok(()) }
    /// ```
    pub fn pair(left: impl Into<Arc<Router>>, right: impl Into<Arc<Router>>) -> (Peer, Peer) {
        let (near, far) = memory_pair();
        let config = Arc::new(Config::default());
        let (to_right, left_end) = Self::new(near, config.clone(), ConnectionInfo::default());
        let (to_left, right_end) = Self::new(far, config, ConnectionInfo::default());
        tokio::spawn(left_end.serve(left));
        tokio::spawn(right_end.serve(right));
        (to_right, to_left)
    }
}

impl<T: Transport> Future for Connection<T> {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = &mut *self;
        this.link.register_driver(cx);
        if this.phase.is_open() {
            if this.put_off() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match this.turn(cx) {
                Ok(()) => return Poll::Pending,
                Err(ending) => this.begin_closing(ending),
            }
        }
        this.poll_closing(cx)
    }
}

impl<T> Drop for Connection<T> {
    /// A runtime that shuts down drops the task: callers and handlers learn of it.
    fn drop(&mut self) {
        self.serving.abandon(&self.link);
        self.link.end(CloseReason::lost("the connection's task was dropped"));
        // A value may hold a peer of this very connection.
        self.link.values.clear();
    }
}
