//! The hooks. As long as nobody watches, each of them is one relaxed load.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::called_calls::CalledCalls;
use super::{CallOutcome, OpenCall};
use crate::redact::Direction;
use crate::transport::Frame;

/// How many watchers of all servers want to hear of calls, and of frames. The hooks look here first: as long
/// as nobody watches, that is all they do.
static CALLS: AtomicUsize = AtomicUsize::new(0);
static FRAMES: AtomicUsize = AtomicUsize::new(0);

/// The number of requests for a list of calls that may wait for one connection.
const MAX_REQUESTS: usize = 8;

/// The place where those who inspect a server meet its connections. A clone is the same place.
#[derive(Clone, Default)]
pub struct Inspection(Arc<Place>);

#[derive(Default)]
struct Place {
    /// How many want to hear of calls.
    calls: AtomicUsize,
    /// How many want to hear of frames.
    frames: AtomicUsize,
    watchers: RwLock<Vec<Arc<dyn Watcher>>>,
    /// Those that began while somebody watched.
    called: CalledCalls,
}

/// Hears what happens on the connections of a server. It is called by their tasks, so it must not block.
pub trait Watcher: Send + Sync {
    /// A call has ended.
    fn call_ended(&self, call: &EndedCall<'_>);

    /// A connection has received or is about to send a frame.
    fn frame(&self, connection: u64, direction: Direction, frame: &Frame);
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedCall<'a> {
    /// The connection's id.
    pub connection: u64,
    /// Whether it was served here, rather than made here.
    pub is_served: bool,
    /// The method's wire name. It may be long if it is a peer's.
    pub method: &'a str,
    /// How it ended.
    pub outcome: CallOutcome,
    /// How long it was open.
    pub took: Duration,
}

/// While this exists, its watcher hears of calls.
#[must_use = "nothing is heard once this is dropped"]
pub struct Watching {
    place: Arc<Place>,
    watcher: Arc<dyn Watcher>,
}

/// While this exists, watchers hear of frames.
#[must_use = "nothing is heard once this is dropped"]
pub struct WatchingFrames(Arc<Place>);

impl Inspection {
    /// Passes to `watcher` the calls that begin from now on, when they end.
    pub fn watch(&self, watcher: Arc<dyn Watcher>) -> Watching {
        self.0.watchers.write().unwrap_or_else(PoisonError::into_inner).push(watcher.clone());
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        CALLS.fetch_add(1, Ordering::Relaxed);
        Watching { place: self.0.clone(), watcher }
    }

    /// Whether anybody watches.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.0.calls.load(Ordering::Relaxed) > 0
    }

    /// The open calls that the server has made since somebody watches, each with its connection: the oldest,
    /// at most `max`.
    #[must_use]
    pub fn called(&self, max: usize) -> Vec<(u64, OpenCall)> {
        self.0.called.oldest(max)
    }
}

impl Watching {
    /// Passes the frames of all connections to the watchers too.
    pub fn frames(&self) -> WatchingFrames {
        self.place.frames.fetch_add(1, Ordering::Relaxed);
        FRAMES.fetch_add(1, Ordering::Relaxed);
        WatchingFrames(self.place.clone())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        CALLS.fetch_sub(1, Ordering::Relaxed);
        if self.place.calls.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.place.called.clear();
        }
        let mut watchers = self.place.watchers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = watchers.iter().position(|watcher| Arc::ptr_eq(watcher, &self.watcher)) {
            watchers.swap_remove(at);
        }
    }
}

impl Drop for WatchingFrames {
    fn drop(&mut self) {
        FRAMES.fetch_sub(1, Ordering::Relaxed);
        self.0.frames.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Place {
    fn tell(&self, tell: impl Fn(&dyn Watcher)) {
        let watchers = self.watchers.read().unwrap_or_else(PoisonError::into_inner);
        watchers.iter().for_each(|watcher| tell(&**watcher));
    }
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection").field("is_watched", &self.is_watched()).finish_non_exhaustive()
    }
}

/// The place where a connection may be inspected. A connection without a server has none.
#[derive(Clone, Default)]
pub(crate) struct Inspected(Option<Arc<Place>>);

impl Inspected {
    pub(crate) fn at(inspection: &Inspection) -> Self {
        Self(Some(inspection.0.clone()))
    }

    /// Passes a frame to those who watch.
    #[inline(always)] // nothing but the look whether anybody watches, for each frame
    pub(crate) fn frame(&self, connection: u64, direction: Direction, frame: &Frame) {
        if FRAMES.load(Ordering::Relaxed) > 0 {
            self.tell_frame(connection, direction, frame);
        }
    }

    #[cold]
    fn tell_frame(&self, connection: u64, direction: Direction, frame: &Frame) {
        let place = self.0.as_ref().filter(|place| place.frames.load(Ordering::Relaxed) > 0);
        if let Some(place) = place {
            place.tell(|watcher| watcher.frame(connection, direction, frame));
        }
    }

    /// Tells those who watch of a call of the peer that was refused before it was admitted.
    pub(crate) fn refused(&self, connection: u64, method: &str, code: i64) {
        if let Some(place) = self.watched() {
            let outcome = CallOutcome::Error(code);
            let call = EndedCall { connection, is_served: true, method, outcome, took: Duration::ZERO };
            place.tell(|watcher| watcher.call_ended(&call));
        }
    }

    #[inline(always)]
    fn watched(&self) -> Option<&Arc<Place>> {
        if CALLS.load(Ordering::Relaxed) == 0 { None } else { self.watched_place() }
    }

    #[cold]
    fn watched_place(&self) -> Option<&Arc<Place>> {
        self.0.as_ref().filter(|place| place.calls.load(Ordering::Relaxed) > 0)
    }
}

/// A call that somebody watches, or that nobody does. If it is dropped before its end is reported, it counts
/// as cancelled.
#[derive(Default)]
pub(crate) struct WatchedCall(Option<Box<Watched>>);

struct Watched {
    place: Arc<Place>,
    connection: u64,
    is_served: bool,
    method: Arc<str>,
    began: Instant,
    /// Its key among the calls of this side that are listed.
    listed: Option<u64>,
    is_over: AtomicBool,
}

impl WatchedCall {
    #[inline]
    pub(crate) fn served(inspected: &Inspected, connection: u64, method: &Arc<str>) -> Self {
        match inspected.watched() {
            None => Self(None),
            Some(place) => Self::begin(place, connection, true, method.clone()),
        }
    }

    #[inline]
    pub(crate) fn called<'a>(
        inspected: &Inspected,
        connection: u64,
        method: &impl Fn() -> Cow<'a, str>,
    ) -> Self {
        match inspected.watched() {
            None => Self(None),
            Some(place) => Self::begin(place, connection, false, (*method()).into()),
        }
    }

    #[cold]
    fn begin(place: &Arc<Place>, connection: u64, is_served: bool, method: Arc<str>) -> Self {
        let (place, began, is_over) = (place.clone(), Instant::now(), AtomicBool::new(false));
        let listed = if is_served { None } else { place.called.add(connection, &method, began) };
        Self(Some(Box::new(Watched { place, connection, is_served, method, began, listed, is_over })))
    }

    /// Sets the id of a call of this side.
    #[inline]
    pub(crate) fn numbered(&self, id: u64) {
        if let Some(watched) = &self.0 {
            watched.if_listed(|calls, connection, key| calls.numbered(connection, key, id));
        }
    }

    /// The result of a call of this side is a stream, which begins.
    #[inline]
    pub(crate) fn streams(&self) {
        if let Some(watched) = &self.0 {
            watched.if_listed(CalledCalls::streams);
        }
    }

    /// Reports the end, the first time.
    #[inline]
    pub(crate) fn end(&self, outcome: impl FnOnce() -> CallOutcome) {
        if let Some(watched) = &self.0 {
            watched.end(outcome());
        }
    }
}

impl Watched {
    #[cold]
    fn if_listed(&self, change: impl FnOnce(&CalledCalls, u64, u64)) {
        if let Some(key) = self.listed {
            change(&self.place.called, self.connection, key);
        }
    }

    #[cold]
    fn end(&self, outcome: CallOutcome) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        self.if_listed(CalledCalls::remove);
        let call = EndedCall {
            connection: self.connection,
            is_served: self.is_served,
            method: &self.method,
            outcome,
            took: self.began.elapsed(),
        };
        self.place.tell(|watcher| watcher.call_ended(&call));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end(CallOutcome::Cancelled);
    }
}

/// A time that is set once.
#[derive(Default)]
pub(crate) struct Since(OnceLock<Instant>);

impl Since {
    /// Sets it to now, the first time.
    pub(crate) fn begin(&self) {
        let _ = self.0.set(Instant::now());
    }

    pub(crate) fn now() -> Self {
        Self(Instant::now().into())
    }

    /// How long ago it was; zero if it was not set.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.get().map_or(Duration::ZERO, Instant::elapsed)
    }
}

/// Those who have asked a connection for its open calls.
#[derive(Default)]
pub(crate) struct CallListRequests {
    any: AtomicBool,
    senders: Mutex<Vec<oneshot::Sender<Vec<OpenCall>>>>,
}

impl CallListRequests {
    /// Asks for the list. The connection's task must be notified after that.
    pub(crate) fn ask(&self) -> oneshot::Receiver<Vec<OpenCall>> {
        let (sender, receiver) = oneshot::channel();
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|sender| !sender.is_closed());
        if senders.len() < MAX_REQUESTS {
            senders.push(sender);
        }
        self.any.store(true, Ordering::Release);
        receiver
    }

    /// Answers those who have asked.
    #[inline(always)]
    pub(crate) fn answer(&self, list: impl FnOnce() -> Vec<OpenCall>) {
        if self.any.load(Ordering::Acquire) {
            self.send(list());
        }
    }

    #[cold]
    fn send(&self, list: Vec<OpenCall>) {
        self.any.store(false, Ordering::Release);
        let senders = std::mem::take(&mut *self.senders.lock().unwrap_or_else(PoisonError::into_inner));
        for sender in senders {
            // One who no longer waits needs no answer.
            let _ = sender.send(list.clone());
        }
    }
}
