//! The operations of producers and consumers on this side.

use std::task::Poll;

use super::{Breakage, End, Halt, Key, Members, Name, Next, Receiving, Streams};
use crate::message::{Id, Totals};

/// A total to grant to the producer, with `rpc.more` or `rpc.want`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) name: Name,
    pub(crate) total: Totals,
}

/// The message for the peer when a consumer is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The stream has ended.
    Nothing,
    /// A cancel of the call whose result it was.
    Cancel(u64),
    /// `rpc.stop`.
    Stop(Id, u16),
}

/// Producers.
impl<W> Streams<W> {
    /// Opens the result that a handler has returned. The caller queues the first `rpc.item`. `endless`: the
    /// stream never ends by itself. Returns `false` if the producer must stop at once.
    pub(crate) fn open_result(&mut self, key: Key, endless: bool) -> bool {
        let Some(sending) = self.sending.get_mut(&key) else { return false };
        sending.endless = endless;
        // No task waits for this, since the producer itself opens the stream.
        sending.open();
        if self.draining && endless {
            sending.halt(Halt::Draining);
        }
        !sending.is_halted()
    }

    /// Ready once the request of an argument has been sent. Before that nothing of the argument may be sent,
    /// not even its end. See [`Streams::poll_credit`] for `waker`.
    pub(crate) fn poll_started(&mut self, key: Key, waker: &mut Option<W>) -> Poll<Result<(), Halt>> {
        match self.sending.get_mut(&key) {
            Some(sending) => sending.poll_started(waker),
            None => Poll::Ready(Err(Halt::CallOver)),
        }
    }

    /// Records that the source of an argument never ends by itself, so that a drain ends it. If a drain has
    /// begun, ends it at once. Returns the task to wake.
    pub(crate) fn set_endless(&mut self, key: Key) -> Option<W> {
        let draining = self.draining;
        let sending = self.sending.get_mut(&key)?;
        sending.endless = true;
        if draining { sending.halt(Halt::Draining) } else { None }
    }

    /// Ready when an item may be sent. Until then the waker in `waker` is registered. The one that was
    /// registered before is left there; the caller drops it outside of the lock.
    pub(crate) fn poll_credit(&mut self, key: Key, waker: &mut Option<W>) -> Poll<Result<(), Halt>> {
        match self.sending.get_mut(&key) {
            Some(sending) => sending.poll_credit(waker),
            None => Poll::Ready(Err(Halt::CallOver)),
        }
    }

    /// Ready when the producer must stop. A producer waits for this while its source has no item. See
    /// [`Streams::poll_credit`] for `waker`.
    pub(crate) fn poll_halted(&mut self, key: Key, waker: &mut Option<W>) -> Poll<Halt> {
        self.sending.get_mut(&key).map_or(Poll::Ready(Halt::CallOver), |sending| sending.poll_halted(waker))
    }

    /// Counts an item that is queued. Returns whether another one may be sent in the same message.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn spend(&mut self, key: Key, bytes: u64) -> bool {
        let Some(sending) = self.sending.get_mut(&key) else { return false };
        sending.spend(bytes);
        sending.may_send()
    }

    /// The credit for one message, if an item may be sent now.
    pub(crate) fn credit_left(&self, key: Key) -> Totals {
        self.sending.get(&key).map_or(Totals::default(), |sending| sending.left())
    }

    /// Counts items that are queued in one message. Returns `false` if the stream must not send more, and the
    /// message must not be queued.
    pub(crate) fn spend_all(&mut self, key: Key, sent: Totals) -> bool {
        let Some(sending) = self.sending.get_mut(&key).filter(|sending| sending.is_heard()) else {
            return false;
        };
        sending.spend_all(sent);
        true
    }

    /// Counts items that were taken from the queue. Returns the task to wake.
    pub(crate) fn written(&mut self, key: Key, bytes: u64) -> Option<W> {
        self.sending.get_mut(&key)?.written(bytes)
    }

    /// Removes an argument whose producer has ended. Returns its name if an `rpc.done` must be sent, and a
    /// waker that the caller drops outside of the lock.
    pub(crate) fn end_argument(&mut self, key: Key) -> (Option<(u64, u16)>, Option<W>) {
        let Some(sending) = self.sending.remove(&key) else { return (None, None) };
        let name = match sending.name {
            Name::Outgoing(id, Some(stream)) if sending.is_heard() => Some((id, stream)),
            _ => None,
        };
        // If a drain has halted the argument, it may have been stopped, or its call answered, since then.
        let is_key = |members: &Members, stream| members.argument(stream) == Some(key);
        let name =
            name.filter(|(id, stream)| self.outgoing.get(id).is_some_and(|members| is_key(members, *stream)));
        if let Some((id, _)) = name {
            self.forget_outgoing(id, key);
        }
        (name, sending.into_waker())
    }
}

/// Consumers.
impl<W> Streams<W> {
    /// Ready once the result of an outgoing call is open, or was refused. A result that was refused is
    /// removed from the table. See [`Streams::poll_credit`] for `waker`.
    pub(crate) fn poll_open(&mut self, key: Key, waker: &mut Option<W>) -> Poll<Result<(), End>> {
        let Some(receiving) = self.receiving.get_mut(&key) else {
            return Poll::Ready(Err(End::Disconnected));
        };
        let polled = receiving.poll_open(waker);
        if matches!(polled, Poll::Ready(Err(_))) {
            *waker = self.remove_receiving(key);
        }
        polled
    }

    /// Whether the result of an outgoing call was opened.
    pub(crate) fn is_opened(&self, key: Key) -> bool {
        self.receiving.get(&key).is_some_and(Receiving::was_opened)
    }

    /// The next item or the end, and a grant to send. When it returns the end, the stream is removed from the
    /// table. See [`Streams::poll_credit`] for `waker`.
    pub(crate) fn poll_next(&mut self, key: Key, waker: &mut Option<W>) -> (Poll<Next>, Option<Grant>) {
        let Some(receiving) = self.receiving.get_mut(&key) else {
            // The stream must not look complete.
            return (Poll::Ready(Next::End(End::Disconnected)), None);
        };
        let (next, total) = receiving.poll_next(waker, &mut self.pot);
        let grant = total.map(|total| Grant { name: receiving.name.clone(), total });
        match &next {
            Poll::Ready(Next::Item(item)) if receiving.is_argument() => self.unread -= item.len() as u64,
            Poll::Ready(Next::End(_)) => *waker = self.remove_receiving(key),
            Poll::Ready(Next::Item(_)) | Poll::Pending => {}
        }
        (next, grant)
    }

    /// Removes a stream whose consumer is dropped, or whose items do not decode. Returns the message for the
    /// peer, and the tasks to wake: if this cancels a call, these include the producers of its arguments.
    pub(crate) fn drop_receiving(&mut self, key: Key) -> (Farewell, Vec<W>) {
        let Some(receiving) = self.receiving.get(&key) else { return (Farewell::Nothing, Vec::new()) };
        let (name, has_ended) = (receiving.name.clone(), receiving.has_ended());
        let mut woken: Vec<W> = self.remove_receiving(key).into_iter().collect();
        let farewell = match name {
            _ if has_ended => Farewell::Nothing,
            Name::Outgoing(id, _) => {
                woken.extend(self.end_call(id, &End::Cancelled));
                if Breakage::CancelIsNotTold.is_on() { Farewell::Nothing } else { Farewell::Cancel(id) }
            }
            Name::Incoming(id, Some(stream)) => {
                if let Some(members) = self.incoming.get_mut(&id) {
                    members.forget(key);
                }
                Farewell::Stop(id, stream)
            }
            // Results of the peer's calls are produced, not consumed.
            Name::Incoming(_, None) | Name::Subscription(_) => Farewell::Nothing,
        };
        (farewell, woken)
    }

    fn remove_receiving(&mut self, key: Key) -> Option<W> {
        let receiving = self.receiving.remove(&key)?;
        if receiving.is_argument() {
            self.unread -= receiving.credit.unread();
        }
        receiving.discard(&mut self.pot)
    }
}
