//! The queue between the connection and the reader of [`Incoming`]: one for all topics, bounded in bytes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use birpc_cluster::{BackplaneEvent, Topic};
use futures_util::Stream;

/// Maximum size of the events that wait to be read, in bytes. Past it messages are dropped.
pub(crate) const MAX_WAITING: usize = 16 << 20;

/// After messages were dropped, the next one is taken when no more than this waits. So a reader that is
/// always behind hears of it now and then, and not with every other message.
const RESUME: usize = MAX_WAITING / 2;

/// What an event counts in addition to its message.
const OVERHEAD: usize = 128;

/// The events that wait to be read.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<BackplaneEvent>,
    /// The sum of [`size`] of all events.
    bytes: usize,
    /// Whether messages are dropped since there are too many.
    drops: bool,
    /// Whether nothing more will come.
    is_closed: bool,
    /// How often the engine was lost. A message of a connection before the last loss comes too late.
    losses: u64,
    /// Which call of [`Incoming::new`] made the stream that reads.
    reader: u64,
    waker: Option<Waker>,
}

impl Queue {
    /// How often the engine was lost, for [`Queue::push`].
    pub(crate) fn losses(&self) -> u64 {
        self.lock().losses
    }

    /// Adds a message, or the news that nobody has subscribed to its topic, of a connection that began after
    /// so many losses. It is dropped if too much waits; the reader is told with [`BackplaneEvent::Overrun`].
    pub(crate) fn push(&self, losses: u64, event: BackplaneEvent) {
        let mut state = self.lock();
        if state.losses != losses {
            return;
        }
        let size = size(&event);
        if state.drops && state.bytes <= RESUME {
            state.drops = false;
        }
        if state.drops {
            return;
        }
        if state.bytes + size > MAX_WAITING {
            state.drops = true;
            tracing::warn!(bytes = state.bytes, "messages from NATS are dropped: they are not read in time");
        }
        let event = if state.drops { BackplaneEvent::Overrun } else { event };
        let waker = state.add(event);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Says that messages were dropped before they came here.
    pub(crate) fn push_overrun(&self, losses: u64) {
        let mut state = self.lock();
        if state.losses != losses || state.events.back() == Some(&BackplaneEvent::Overrun) {
            return;
        }
        let waker = state.add(BackplaneEvent::Overrun);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Says that the engine was lost. If the reader has not even read that it was restored, it need not be
    /// told of both.
    pub(crate) fn push_lost(&self) {
        let mut state = self.lock();
        state.losses += 1;
        if state.events.back() == Some(&BackplaneEvent::Restored) {
            let restored = state.events.pop_back();
            state.bytes -= restored.as_ref().map_or(0, size);
            return;
        }
        let waker = state.add(BackplaneEvent::Lost);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Says that the engine can be reached again.
    pub(crate) fn push_restored(&self) {
        let waker = self.lock().add(BackplaneEvent::Restored);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends the stream after what waits.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the waker to wake, without the lock.
    fn add(&mut self, event: BackplaneEvent) -> Option<Waker> {
        self.bytes += size(&event);
        self.events.push_back(event);
        self.waker.take()
    }
}

/// What an event counts. The message is counted as it is, although it may be part of a larger allocation.
fn size(event: &BackplaneEvent) -> usize {
    OVERHEAD
        + match event {
            BackplaneEvent::Message { topic: Topic::Group(name) | Topic::User(name), bytes } => {
                name.len() + bytes.len()
            }
            BackplaneEvent::Message { bytes, .. } => bytes.len(),
            _ => 0,
        }
}

/// The events in the order in which they arrived. If the queue is read by a later stream, this one ends.
#[derive(Debug)]
pub(crate) struct Incoming {
    queue: Arc<Queue>,
    reader: u64,
}

impl Incoming {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        let mut state = queue.lock();
        state.reader += 1;
        let reader = state.reader;
        let former = state.waker.take();
        drop(state);
        former.into_iter().for_each(Waker::wake);
        Self { queue, reader }
    }
}

impl Stream for Incoming {
    type Item = BackplaneEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BackplaneEvent>> {
        let waker = cx.waker().clone();
        let mut state = self.queue.lock();
        if state.reader != self.reader {
            return Poll::Ready(None);
        }
        if let Some(event) = state.events.pop_front() {
            state.bytes -= size(&event);
            return Poll::Ready(Some(event));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        let before = state.waker.replace(waker);
        drop(state);
        drop(before);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    fn message(size: usize) -> BackplaneEvent {
        BackplaneEvent::Message { topic: Topic::All, bytes: Bytes::from(vec![0; size]) }
    }

    fn next(incoming: &mut Incoming) -> Option<BackplaneEvent> {
        incoming.next().now_or_never().flatten()
    }

    fn queue() -> (Arc<Queue>, Incoming) {
        let queue = Arc::new(Queue::default());
        (queue.clone(), Incoming::new(queue))
    }

    #[test]
    fn messages_past_the_bound_are_dropped_and_that_is_told_once_until_half_is_read() {
        let (queue, mut incoming) = queue();
        let large = 1 << 20;
        let fit = MAX_WAITING / (large + OVERHEAD);
        for _ in 0..fit + 10 {
            queue.push(queue.losses(), message(large));
        }
        queue.push(queue.losses(), message(0));
        for _ in 0..fit / 2 {
            assert_eq!(next(&mut incoming), Some(message(large)));
        }
        assert!(queue.lock().bytes > RESUME);
        queue.push(queue.losses(), message(0));
        assert_eq!(next(&mut incoming), Some(message(large)));
        queue.push(queue.losses(), message(1));
        for _ in 0..fit - fit / 2 - 1 {
            assert_eq!(next(&mut incoming), Some(message(large)));
        }
        assert_eq!(next(&mut incoming), Some(BackplaneEvent::Overrun));
        assert_eq!(next(&mut incoming), Some(message(1)));
        assert_eq!((next(&mut incoming), queue.lock().bytes), (None, 0));
    }

    #[test]
    fn empty_messages_are_bounded_too() {
        let (queue, mut incoming) = queue();
        for _ in 0..MAX_WAITING / OVERHEAD + 10 {
            queue.push(queue.losses(), message(0));
        }
        let events = std::iter::from_fn(|| next(&mut incoming)).collect::<Vec<_>>();
        assert_eq!(
            (events.len(), events.last()),
            (MAX_WAITING / OVERHEAD + 1, Some(&BackplaneEvent::Overrun))
        );
    }

    #[test]
    fn outages_that_nobody_reads_do_not_add_up() {
        let (queue, mut incoming) = queue();
        for _ in 0..1000 {
            queue.push_lost();
            queue.push_restored();
        }
        assert_eq!(queue.lock().events, [BackplaneEvent::Lost, BackplaneEvent::Restored]);
        queue.push_lost();
        assert_eq!((next(&mut incoming), next(&mut incoming)), (Some(BackplaneEvent::Lost), None));
        assert_eq!(queue.lock().bytes, 0);
        queue.push_restored();
        queue.push(queue.losses(), message(3));
        queue.push_lost();
        let events = std::iter::from_fn(|| next(&mut incoming)).collect::<Vec<_>>();
        assert_eq!(events, [BackplaneEvent::Restored, message(3), BackplaneEvent::Lost]);
    }

    #[test]
    fn messages_of_a_lost_connection_come_too_late() {
        let (queue, mut incoming) = queue();
        let before = queue.losses();
        queue.push(before, message(1));
        queue.push_lost();
        queue.push(before, message(2));
        queue.push_overrun(before);
        queue.push_restored();
        queue.push(before, message(3));
        queue.push(queue.losses(), message(4));
        for _ in 0..3 {
            queue.push_overrun(queue.losses());
        }
        let events = std::iter::from_fn(|| next(&mut incoming)).collect::<Vec<_>>();
        let (lost, restored) = (BackplaneEvent::Lost, BackplaneEvent::Restored);
        assert_eq!(events, [message(1), lost, restored, message(4), BackplaneEvent::Overrun]);
    }

    #[test]
    fn the_stream_ends_after_what_waits_and_when_another_reads() {
        let (queue, mut first) = queue();
        queue.push(queue.losses(), message(1));
        let mut second = Incoming::new(queue.clone());
        assert_eq!(first.next().now_or_never(), Some(None));
        queue.close();
        assert_eq!(second.next().now_or_never(), Some(Some(message(1))));
        assert_eq!(second.next().now_or_never(), Some(None));
    }
}
