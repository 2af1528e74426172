//! The streams of one connection, in both roles: results that are produced and consumed, and arguments. Pure
//! state: no socket, no task, no clock.
//!
//! A stream lives inside its call, and is over with it: the reply is the end of a result. What comes over the
//! wire names it by its call's id, an argument also by its number; [`outgoing`] has what is said of calls
//! that we made, [`incoming`] of those that the peer made. Producers and consumers on this side hold a
//! [`Key`], which is never used again, as ids of the peer's calls are: `handles` has what they do.
//!
//! Methods that end something give whom to wake. `W` is that; it is dropped and woken by the caller, where no
//! lock is held.

mod breakage;
#[cfg(test)]
mod counts_tests;
mod end;
mod handles;
mod incoming;
#[cfg(test)]
mod model;
mod outgoing;
mod receiving;
mod sending;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use self::receiving::Receiving;
use self::sending::Sending;
use super::credit::Pot;
use crate::message::{Id, Totals};

pub(crate) use breakage::Breakage;
pub(crate) use end::{End, Halt};
pub(crate) use handles::{Farewell, Grant};
pub(crate) use incoming::{Failed, TooManyStreams};
pub(crate) use receiving::Next;

/// A stream of this side, as its producer or consumer knows it.
pub(crate) type Key = u64;

/// What a connection grants and serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLimits {
    /// Result streams of the peer's calls, from request to reply.
    pub(crate) max_streams: usize,
    /// Bytes that are granted and not taken, beyond the floor of each stream; and bytes that arguments hold
    /// unread.
    pub(crate) max_stream_bytes: u64,
    /// The window of an argument that is read.
    pub(crate) window: Totals,
}

/// What a stream is called on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The result of a call of ours, which the peer produces; or the argument of it with that number, which
    /// we do.
    Outgoing(u64, Option<u16>),
    /// The result of a call of the peer's, which we produce, or the argument of it, which the peer does.
    Incoming(Id, Option<u16>),
}

/// The streams of a call that has been entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallStreams {
    pub(crate) result: Option<Key>,
    /// In the order in which they were given.
    pub(crate) arguments: Vec<Key>,
}

#[derive(Clone, Debug)]
pub(crate) struct Streams<W> {
    limits: StreamLimits,
    pot: Pot,
    sending: BTreeMap<Key, Sending<W>>,
    receiving: BTreeMap<Key, Receiving<W>>,
    /// What is still said of our calls.
    outgoing: BTreeMap<u64, Members>,
    /// What is still said of the peer's.
    incoming: FxHashMap<Id, Members>,
    next_key: Key,
    /// Results that are produced.
    results: usize,
    /// Bytes that arguments hold.
    unread: u64,
    draining: bool,
}

/// The streams that a call's words may name. Those that nothing more is said of are taken out.
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
            // With nothing at all no item could ever come.
            limits: StreamLimits { max_stream_bytes: limits.max_stream_bytes.max(1), ..limits },
            sending: BTreeMap::new(),
            receiving: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            incoming: FxHashMap::default(),
            next_key: 0,
            results: 0,
            unread: 0,
            draining: false,
        }
    }

    /// Streams whose producers or consumers are here: both numbers.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.sending.len(), self.receiving.len())
    }

    /// Whether nothing at all is left: no stream, no name, and no credit that was granted.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn is_at_rest(&self) -> bool {
        let names = self.outgoing.is_empty() && self.incoming.is_empty();
        let counts = self.results == 0 && self.unread == 0;
        let pot = self.pot.free() == self.limits.max_stream_bytes;
        self.len() == (0, 0) && names && counts && pot
    }

    /// What may be held is not exceeded, if an item has at most so many bytes.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn check_bounds(&self, largest: u64) {
        assert!(self.unread < self.limits.max_stream_bytes + largest, "arguments hold {}", self.unread);
        let (floors, held) = (self.receiving.len() as u64, self.receiving.values());
        let held: u64 = held.map(|receiving| receiving.credit.unread()).sum();
        let most = self.limits.max_stream_bytes + floors * (super::credit::FLOOR + largest);
        assert!(held <= most, "streams hold {held} bytes of {most}");
        let produced = self.sending.values().filter(|sending| matches!(sending.name, Name::Incoming(..)));
        assert_eq!(produced.count(), self.results);
        assert!(self.results <= self.limits.max_streams);
    }

    /// Ends the streams that would never end by themselves. Gives whom to wake.
    pub(crate) fn drain(&mut self) -> Vec<W> {
        self.draining = true;
        let endless = self.sending.values_mut().filter(|sending| sending.endless);
        endless.filter_map(|sending| sending.halt(Halt::Draining)).collect()
    }

    /// Ends every stream, since the connection has. What has come may still be taken. Gives whom to wake.
    pub(crate) fn disconnect(&mut self) -> Vec<W> {
        self.outgoing.clear();
        // Results are gone at once, as their calls are: who produces one finds none. Arguments stay until
        // their producers have heard of it.
        let results = std::mem::take(&mut self.incoming).into_values().filter_map(|members| members.result);
        let results = results.filter_map(|key| self.sending.remove(&key)?.into_waker());
        let mut woken: Vec<W> = results.collect();
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

    /// Ends what is consumed, with what has come or without. Gives whom to wake.
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
