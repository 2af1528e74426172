//! The table of the streams of one connection: results and arguments, those that this side produces and those
//! that it consumes. It is pure state, without a socket, a task or a clock.
//!
//! A stream ends with its call at the latest, and the reply ends the result. On the wire a stream is named by
//! the id of its call, and an argument also by its number. [`outgoing`] handles the messages about calls of
//! this side, and [`incoming`] those about calls of the peer. Producers and consumers of this side have a
//! [`Key`]. Unlike the ids of the peer's calls, a key is never used again. `handles` has their operations.
//!
//! Methods that end a stream return the wakers (`W`) of the tasks that wait for it. The caller wakes and
//! drops them outside of the lock.

mod breakage;
#[cfg(test)]
mod counts_tests;
#[cfg(test)]
mod drain_tests;
mod end;
mod handles;
mod incoming;
#[cfg(test)]
mod model;
mod outgoing;
mod receiving;
mod sending;
mod subscriptions;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::receiving::Receiving;
use self::sending::Sending;
use super::credit::Pot;
use crate::message::{Id, Totals};
use crate::subscription::SubscriptionForm;

pub(crate) use breakage::Breakage;
pub(crate) use end::{End, Halt};
pub(crate) use handles::{Farewell, Grant};
pub(crate) use incoming::{Failed, TooManyStreams};
pub(crate) use receiving::Next;

/// Identifies a stream for its producer or consumer on this side.
pub(crate) type Key = u64;

/// The limits of the streams of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLimits {
    /// The maximum number of the peer's open calls whose result is a stream.
    pub(crate) max_streams: usize,
    /// The maximum number of bytes that are granted and not consumed, beyond the floor of each stream. It is
    /// also the maximum number of bytes of arguments that have arrived and are not consumed.
    pub(crate) max_stream_bytes: u64,
    /// The window of an argument of the peer's calls.
    pub(crate) window: Totals,
}

/// The name of a stream on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A stream of a call of this side: the result, which the peer produces, or the argument with this
    /// number, which this side produces.
    Outgoing(u64, Option<u16>),
    /// A stream of a call of the peer: the result, which this side produces, or the argument with this
    /// number, which the peer produces.
    Incoming(Id, Option<u16>),
    /// The result of a call of the peer's that is a subscription, with its id once its handler has returned.
    Subscription(Option<Id>),
}

/// The streams of a call that has been entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallStreams {
    pub(crate) result: Option<Key>,
    /// The arguments, in the order of the parameters.
    pub(crate) arguments: Vec<Key>,
}

#[derive(Clone, Debug)]
pub(crate) struct Streams<W> {
    limits: StreamLimits,
    pot: Pot,
    sending: BTreeMap<Key, Sending<W>>,
    receiving: BTreeMap<Key, Receiving<W>>,
    /// The streams of this side's calls about which messages may still arrive.
    outgoing: BTreeMap<u64, Members>,
    /// The streams of the peer's calls about which messages may still arrive.
    incoming: FxHashMap<Id, Members>,
    /// The subscriptions that have ids.
    subscriptions: FxHashMap<Id, (Key, Arc<SubscriptionForm>)>,
    next_key: Key,
    /// The number of results that this side produces, including subscriptions.
    results: usize,
    /// The number of bytes of arguments that have arrived and are not consumed.
    unread: u64,
    draining: bool,
}

/// The streams of a call that messages may name. A stream is removed when no message about it can follow.
#[derive(Clone, Debug, Default)]
struct Members {
    result: Option<Key>,
    arguments: Vec<(u16, Key)>,
}

impl Members {
    fn argument(&self, stream: u16) -> Option<Key> {
        self.arguments.iter().find(|(number, _)| *number == stream).map(|(_, key)| *key)
    }

    fn forget(&mut self, key: Key) {
        self.result.take_if(|result| *result == key);
        self.arguments.retain(|(_, argument)| *argument != key);
    }

    fn is_empty(&self) -> bool {
        self.result.is_none() && self.arguments.is_empty()
    }
}

impl<W> Streams<W> {
    pub(crate) fn new(limits: StreamLimits) -> Self {
        Self {
            pot: Pot::new(limits.max_stream_bytes),
            // With a limit of 0 no item could ever be received.
            limits: StreamLimits { max_stream_bytes: limits.max_stream_bytes.max(1), ..limits },
            sending: BTreeMap::new(),
            receiving: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            incoming: FxHashMap::default(),
            subscriptions: FxHashMap::default(),
            next_key: 0,
            results: 0,
            unread: 0,
            draining: false,
        }
    }

    /// The number of streams that this side produces, and of those that it consumes.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.sending.len(), self.receiving.len())
    }

    /// Whether nothing is left: no stream, no name, and no credit that was granted.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn is_at_rest(&self) -> bool {
        let names = self.outgoing.is_empty() && self.incoming.is_empty() && self.subscriptions.is_empty();
        let counts = self.results == 0 && self.unread == 0;
        let pot = self.pot.free() == self.limits.max_stream_bytes;
        self.len() == (0, 0) && names && counts && pot
    }

    /// Checks the limits, for items of at most `largest` bytes.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn check_bounds(&self, largest: u64) {
        assert!(self.unread < self.limits.max_stream_bytes + largest, "arguments hold {}", self.unread);
        let (floors, held) = (self.receiving.len() as u64, self.receiving.values());
        let held: u64 = held.map(|receiving| receiving.credit.unread()).sum();
        let most = self.limits.max_stream_bytes + floors * (super::credit::FLOOR + largest);
        assert!(held <= most, "streams hold {held} bytes of {most}");
        let produced = self.sending.values().filter(|sending| !matches!(sending.name, Name::Outgoing(..)));
        assert_eq!(produced.count(), self.results);
        assert!(self.results <= self.limits.max_streams);
    }

    /// Ends the streams that would never end by themselves. Returns the tasks to wake.
    pub(crate) fn drain(&mut self) -> Vec<W> {
        self.draining = true;
        let endless = self.sending.values_mut().filter(|sending| sending.endless);
        endless.filter_map(|sending| sending.halt(Halt::Draining)).collect()
    }

    /// Ends all streams, because the connection has ended. Items that have arrived may still be consumed.
    /// Returns the tasks to wake.
    pub(crate) fn disconnect(&mut self) -> Vec<W> {
        self.outgoing.clear();
        // Results are removed at once, like their calls, so a producer finds no entry. Arguments stay until
        // their producers have seen the end.
        let results = std::mem::take(&mut self.incoming).into_values().filter_map(|members| members.result);
        let results = results.filter_map(|key| self.sending.remove(&key)?.into_waker());
        let mut woken: Vec<W> = results.collect();
        woken.extend(self.disconnect_subscriptions());
        self.results = 0;
        for sending in self.sending.values_mut() {
            let is_unsent = sending.is_unsent_argument();
            woken.extend(sending.halt(if is_unsent { Halt::Unsent } else { Halt::Disconnected }));
        }
        let end = if Breakage::DisconnectIsClean.is_on() { End::Complete } else { End::Disconnected };
        for receiving in self.receiving.values_mut() {
            woken.extend(receiving.end(end.clone(), &mut self.pot));
        }
        woken
    }

    fn new_key(&mut self) -> Key {
        self.next_key += 1;
        self.next_key
    }

    /// Ends a stream that this side consumes. `keep`: the items that have arrived may still be consumed.
    /// Returns the task to wake.
    fn end_receiving(&mut self, key: Key, end: End, keep: bool) -> Option<W> {
        let quiet = Breakage::EndWakesNobody.is_on();
        let keep = keep && !Breakage::EndOvertakesItems.is_on();
        let receiving = self.receiving.get_mut(&key)?;
        if !keep && receiving.is_argument() {
            self.unread -= receiving.credit.unread();
        }
        let waker = match keep {
            true => receiving.end(end, &mut self.pot),
            false => receiving.end_now(end, &mut self.pot),
        };
        waker.filter(|_| !quiet)
    }

    fn halt(&mut self, key: Key, halt: Halt) -> Option<W> {
        self.sending.get_mut(&key)?.halt(halt)
    }
}

#[cfg(test)]
#[path = "../streams_tests.rs"]
mod tests;
