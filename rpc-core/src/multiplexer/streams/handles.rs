//! What producers and consumers do.

use std::task::Poll;

use super::{Breakage, End, Halt, Key, Members, Name, Next, Receiving, Streams};
use crate::message::{Id, Totals};

/// A total that the producer is to be told: `rpc.more` or `rpc.want`, as the name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) name: Name,
    pub(crate) total: Totals,
}

/// What the peer is to be told of a consumer that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The stream has ended.
    Nothing,
    /// The call of ours whose result it was is to be cancelled.
    Cancel(u64),
    /// `rpc.stop`.
    Stop(Id, u16),
}

/// Producers.
impl<W> Streams<W> {
    /// The handler has returned this result: it is a stream now, and the first `rpc.item` is to be queued.
    /// `endless` if it never ends by itself. `false` if it is to stop at once.
    pub(crate) fn open_result(&mut self, key: Key, endless: bool) -> bool {
        let Some(sending) = self.sending.get_mut(&key) else { return false };
        sending.endless = endless;
        // Nobody waits for it: its producer is the one that opens it.
        sending.open();
        if self.draining && endless {
            sending.halt(Halt::Draining);
        }
        !sending.is_halted()
    }

    /// Ready once the request of an argument has been sent: before that not even its end may be. See
    /// [`Streams::poll_credit`] for `waker`.
    pub(crate) fn poll_started(&mut self, key: Key, waker: &mut Option<W>) -> Poll<Result<(), Halt>> {
        match self.sending.get_mut(&key) {
            Some(sending) => sending.poll_started(waker),
            None => Poll::Ready(Err(Halt::CallOver)),
        }
    }

    /// The source of this argument never ends by itself, so a drain ends it, also one that has begun. Gives
    /// whom to wake.
    pub(crate) fn set_endless(&mut self, key: Key) -> Option<W> {
        let draining = self.draining;
        let sending = self.sending.get_mut(&key)?;
        sending.endless = true;
        if draining { sending.halt(Halt::Draining) } else { None }
    }

    /// Ready when an item may go. What is in `waker` is registered until then, and what was registered before
    /// is left there, to be dropped where no lock is held.
    pub(crate) fn poll_credit(&mut self, key: Key, waker: &mut Option<W>) -> Poll<Result<(), Halt>> {
        match self.sending.get_mut(&key) {
            Some(sending) => sending.poll_credit(waker),
            None => Poll::Ready(Err(Halt::CallOver)),
        }
    }

    /// Ready when the producer is to stop, whatever credit there is: what it waits for while its source has
    /// nothing. See [`Streams::poll_credit`] for `waker`.
    pub(crate) fn poll_halted(&mut self, key: Key, waker: &mut Option<W>) -> Poll<Halt> {
        self.sending.get_mut(&key).map_or(Poll::Ready(Halt::CallOver), |sending| sending.poll_halted(waker))
    }

    /// An item goes into the queue to the socket. Whether the next may follow in the same message.
    pub(crate) fn spend(&mut self, key: Key, bytes: u64) -> bool {
        let Some(sending) = self.sending.get_mut(&key) else { return false };
        sending.spend(bytes);
        sending.may_send()
    }

    /// What may go in one message, if an item may go now.
    pub(crate) fn credit_left(&self, key: Key) -> Totals {
        self.sending.get(&key).map_or(Totals::default(), |sending| sending.left())
    }

    /// Items go into the queue to the socket in one message. `false` if the stream is to send no more, and
    /// they are not to go.
    pub(crate) fn spend_all(&mut self, key: Key, sent: Totals) -> bool {
        let Some(sending) = self.sending.get_mut(&key).filter(|sending| sending.is_heard()) else {
            return false;
        };
        sending.spend_all(sent);
        true
    }

    /// Items have left that queue. Gives whom to wake.
    pub(crate) fn written(&mut self, key: Key, bytes: u64) -> Option<W> {
        self.sending.get_mut(&key)?.written(bytes)
    }

    /// The producer of an argument is over. The name in which an `rpc.done` is to be said, unless nobody
    /// wants to hear it; and what is to be dropped where no lock is held.
    pub(crate) fn end_argument(&mut self, key: Key) -> (Option<(u64, u16)>, Option<W>) {
        let Some(sending) = self.sending.remove(&key) else { return (None, None) };
        let name = match sending.name {
            Name::Outgoing(id, Some(stream)) if sending.is_heard() => Some((id, stream)),
            _ => None,
        };
        // One that a drain has halted may have been stopped or answered since.
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
    /// Ready once the result of a call of ours is open, or was refused. See [`Streams::poll_credit`] for
    /// `waker`. One that was refused is gone from the table.
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

    /// Whether the result of a call of ours was opened.
    pub(crate) fn is_opened(&self, key: Key) -> bool {
        self.receiving.get(&key).is_some_and(Receiving::was_opened)
    }

    /// Whether an item or the end is here.
    pub(crate) fn has_next(&self, key: Key) -> bool {
        self.receiving.get(&key).is_none_or(Receiving::has_next)
    }

    /// The next item or the end, and what the producer is to be told. See [`Streams::poll_credit`] for
    /// `waker`. With the end the stream is gone from the table.
    pub(crate) fn poll_next(&mut self, key: Key, waker: &mut Option<W>) -> (Poll<Next>, Option<Grant>) {
        let Some(receiving) = self.receiving.get_mut(&key) else {
            // Whatever it was, it was no clean end.
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

    /// The consumer is dropped, or what came does not decode. Gives also whom to wake: the producers of the
    /// arguments of a call that is cancelled thereby.
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
            Name::Incoming(_, None) => Farewell::Nothing,
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
