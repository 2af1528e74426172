//! The state that a connection's task shares with all handles of its `Peer`: the outgoing calls, the write
//! queue, and the state of the connection's end.
//!
//! The parts that change are under one lock, which is held only briefly. The task that owns the socket takes
//! from the queue once a turn. Code that adds to the queue wakes that task, once.

mod batch;
mod caller;
mod consumers;
mod credit;
mod drain;
mod driver;
mod driver_waker;
mod gauges;
mod life;
mod log_once;
mod notifications;
mod outgoing_subscriptions;
mod producers;
mod progress;
mod server_limits;
mod stream_table;
mod streams;
mod subscriber_table;
mod subscriptions;
mod values;
mod waiters;
mod write_queue;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::close::CloseReason;
use crate::config::{Config, WhenFull};
use crate::dialect::Dialect;
use crate::handshake::ConnectionInfo;
use crate::inspect::{CallListRequests, Inspected, Inspection, Since};
use crate::multiplexer::OutgoingCalls;
use crate::observe::Meters;
use batch::BatchSide;
use caller::CallerSide;
use consumers::ConsumerSide;
use credit::CreditSide;
use drain::Drain;
use driver::DriverSide;
use driver_waker::DriverWaker;
use gauges::Gauges;
use life::{Life, LifeSide};
use log_once::LogOnce;
use notifications::Notifications;
use outgoing_subscriptions::SubscriberSide;
use producers::ProducerSide;
use progress::{ProgressSide, ProgressTable};
use stream_table::StreamTable;
use streams::StreamSide;
use subscriber_table::SubscriberTable;
use subscriptions::SubscriptionSide;
use write_queue::{Spare, WriteQueue};

pub use server_limits::SharedLimits;

pub(crate) use consumers::Opening;
pub(crate) use log_once::{Oddity, debug_dropped, warn_dropped};
pub(crate) use server_limits::OpenPermit;
pub(crate) use values::Values;
pub(crate) use waiters::Ticket;
pub(crate) use write_queue::{QueuedFrame, ReportSlot};

pub(crate) struct SharedState {
    id: u64,
    /// The same for all connections of a client that reconnects.
    peer_id: u64,
    config: Arc<Config>,
    info: ConnectionInfo,
    dialect: Dialect,
    values: Values,
    /// The runtime in which the connection was created; `None` outside of a runtime.
    runtime: Option<Handle>,
    gauges: Gauges,
    drain: Drain,
    log_once: LogOnce,
    meters: Meters,
    inspected: Inspected,
    call_list_requests: CallListRequests,
    #[cfg_attr(not(feature = "inspector"), allow(dead_code))]
    since: Since,
    server_limits: SharedLimits,
    state: Mutex<State>,
    driver_waker: DriverWaker,
    /// Whether an `rpc.allow` must be sent.
    allow_due: AtomicBool,
    /// Whether a call has subscribed in Ethereum's form. Only then can a notification be of a subscription.
    subscribes: AtomicBool,
    on_closed: Notify,
    on_ending: Notify,
}

struct State {
    calls: OutgoingCalls,
    write_queue: WriteQueue,
    notifications: Notifications,
    when_full: WhenFull,
    life: Life,
    streams: StreamTable,
    subscriptions: SubscriberTable,
    progress: ProgressTable,
}

impl SharedState {
    pub(crate) fn new(config: Arc<Config>, info: ConnectionInfo, server_limits: SharedLimits) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let state = State {
            calls: OutgoingCalls::new(),
            write_queue: WriteQueue::new(config.limits.max_queued_bytes),
            notifications: Notifications::new(info.speaks_birpc()),
            when_full: config.when_full,
            life: Life::Open,
            streams: StreamTable::default(),
            subscriptions: SubscriberTable::default(),
            progress: ProgressTable::default(),
        };
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            peer_id: id,
            dialect: config.dialect_of(info.subprotocol.as_deref()),
            config,
            info,
            values: Values::default(),
            runtime: Handle::try_current().ok(),
            gauges: Gauges::default(),
            drain: Drain::default(),
            log_once: LogOnce::default(),
            meters: Meters::default(),
            inspected: Inspected::default(),
            call_list_requests: CallListRequests::default(),
            since: Since::now(),
            server_limits,
            state: Mutex::new(state),
            driver_waker: DriverWaker::default(),
            allow_due: AtomicBool::new(false),
            subscribes: AtomicBool::new(false),
            on_closed: Notify::new(),
            on_ending: Notify::new(),
        }
    }

    /// The same state of a connection that may be inspected.
    pub(crate) fn inspected_at(self, inspection: &Inspection) -> Self {
        Self { inspected: Inspected::at(inspection), ..self }
    }

    /// The state of one connection of a client that reconnects. The client's handles have this id, and the
    /// values belong to the client.
    pub(crate) fn of_reconnecting(
        peer_id: u64,
        values: Values,
        config: Arc<Config>,
        info: ConnectionInfo,
    ) -> Self {
        Self { peer_id, values, ..Self::new(config, info, SharedLimits::default()) }
    }

    /// A state without a connection. Its messages have no size limit; the limits of the peers that they are
    /// sent to apply.
    pub(crate) fn unconnected() -> Arc<Self> {
        static UNCONNECTED: LazyLock<Arc<SharedState>> = LazyLock::new(|| {
            let config = Arc::new(Config::default().limits(|limits| limits.max_message_out = usize::MAX));
            let shared = SharedState::new(config, ConnectionInfo::default(), SharedLimits::default());
            shared.as_driver().end_with(CloseReason::lost("there is no connection"));
            // Without a connection, values would be kept for ever.
            shared.values.clear();
            // This state outlives every runtime.
            Arc::new(SharedState { runtime: None, ..shared })
        });
        UNCONNECTED.clone()
    }

    /// The operations for code that calls, notifies and closes.
    pub(crate) fn as_caller(&self) -> CallerSide<'_> {
        CallerSide::of(self)
    }

    /// The operations for a batch.
    pub(crate) fn as_batch(&self) -> BatchSide<'_> {
        BatchSide::of(self)
    }

    /// The operations for the credit of notifications.
    #[inline]
    pub(crate) fn as_credit(&self) -> CreditSide<'_> {
        CreditSide::of(self)
    }

    /// The operations for consumers of streams, and for calls of methods with streams.
    pub(crate) fn as_consumer(&self) -> ConsumerSide<'_> {
        ConsumerSide::of(self)
    }

    /// The operations for producers of streams.
    pub(crate) fn as_producer(&self) -> ProducerSide<'_> {
        ProducerSide::of(self)
    }

    /// The operations on streams for the connection's task.
    pub(crate) fn as_stream(&self) -> StreamSide<'_> {
        StreamSide::of(self)
    }

    /// The operations for calls that subscribe in Ethereum's form, and for the consumers of what they open.
    #[inline]
    pub(crate) fn as_subscriber(&self) -> SubscriberSide<'_> {
        SubscriberSide::of(self)
    }

    /// The operations for subscriptions that are served here.
    pub(crate) fn as_subscription(&self) -> SubscriptionSide<'_> {
        SubscriptionSide::of(self)
    }

    /// The operations for the progress of calls.
    pub(crate) fn as_progress(&self) -> ProgressSide<'_> {
        ProgressSide::of(self)
    }

    /// The operations for code that depends on whether the connection ends.
    pub(crate) fn as_life(&self) -> LifeSide<'_> {
        LifeSide::of(self)
    }

    /// The operations for the connection's task.
    pub(crate) fn as_driver(&self) -> DriverSide<'_> {
        DriverSide::of(self)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn peer_id(&self) -> u64 {
        self.peer_id
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    pub(crate) fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref()
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    pub(crate) fn drain(&self) -> &Drain {
        &self.drain
    }

    /// What notifies the connection's task that there is work, and has it watched.
    pub(crate) fn driver_waker(&self) -> &DriverWaker {
        &self.driver_waker
    }

    pub(crate) fn log_once(&self) -> &LogOnce {
        &self.log_once
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    pub(crate) fn inspected(&self) -> &Inspected {
        &self.inspected
    }

    /// Those who have asked for the open calls.
    pub(crate) fn call_list_requests(&self) -> &CallListRequests {
        &self.call_list_requests
    }

    /// When the connection was created.
    #[cfg_attr(not(feature = "inspector"), allow(dead_code))]
    pub(crate) fn since(&self) -> &Since {
        &self.since
    }

    pub(crate) fn server_limits(&self) -> &SharedLimits {
        &self.server_limits
    }

    /// Refuses new incoming calls from now on.
    pub(crate) fn begin_drain(&self) {
        if self.drain.begin() {
            self.as_stream().drain();
            self.driver_waker.notify();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so a poisoned lock still protects a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the state for code that wants to queue something, together with a clone of its waker in case
    /// there is no room, or no credit. Cloning and dropping a waker runs code of the executor, which may call
    /// back into this module, so both happen outside of the lock.
    fn state_with(
        &self,
        waiter: &Waker,
        has_credit: impl FnOnce(&Notifications) -> bool,
    ) -> (Spare, MutexGuard<'_, State>) {
        let state = self.state();
        if !state.write_queue.is_full() && has_credit(&state.notifications) {
            return (Spare::default(), state);
        }
        drop(state);
        let spare = Spare::with(waiter.clone());
        (spare, self.state())
    }
}

impl State {
    /// Queues the notification that cancels an outgoing call.
    fn tell_cancelled(&mut self, dialect: &Dialect, id: u64, why: &str) {
        if self.life.ending().is_none()
            && let Some(frame) = dialect.cancel(id, why)
        {
            self.write_queue.push(QueuedFrame::Frame(frame));
        }
    }
}
