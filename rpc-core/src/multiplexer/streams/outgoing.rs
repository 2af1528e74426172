//! The streams of this side's calls: it consumes the result and produces the arguments.

use bytes::Bytes;

use super::{Breakage, CallStreams, End, Halt, Key, Members, Name, Receiving, Sending, Streams};
use crate::message::Totals;
use crate::multiplexer::credit::{FIXED, PooledCredit};

/// The result of handling an `rpc.item`.
#[derive(Debug)]
pub(crate) struct Received<W> {
    pub(crate) waker: Option<W>,
    /// Whether the callee sent more than was granted, so that the call must be cancelled. Its streams have
    /// ended already, with -32600.
    pub(crate) excess: bool,
    /// The other tasks to wake in that case.
    pub(crate) others: Vec<W>,
}

impl<W> Streams<W> {
    /// Enters the streams of a call that has an id, before its request is queued. `window` is the window of
    /// the result, if that is a stream. Returns the credit for the member `stream` of the request.
    pub(crate) fn open_call(
        &mut self,
        id: u64,
        window: Option<Totals>,
        arguments: &[u16],
    ) -> (CallStreams, Option<Totals>) {
        let (mut streams, mut initial, mut members) = (CallStreams::default(), None, Members::default());
        if let Some(window) = window {
            let mut credit = PooledCredit::new(Totals::default(), window);
            initial = credit.raise(&mut self.pot);
            let key = self.new_key();
            self.receiving.insert(key, Receiving::result(Name::Outgoing(id, None), credit));
            (streams.result, members.result) = (Some(key), Some(key));
        }
        for number in arguments {
            let key = self.new_key();
            self.sending.insert(key, Sending::new(Name::Outgoing(id, Some(*number)), FIXED));
            streams.arguments.push(key);
            members.arguments.push((*number, key));
        }
        if !members.is_empty() {
            self.outgoing.insert(id, members);
        }
        (streams, initial)
    }

    /// The credit that the request of a call grants, if its result is a stream.
    pub(crate) fn initial_credit(&self, id: u64) -> Option<Totals> {
        let result = self.outgoing.get(&id)?.result?;
        self.receiving.get(&result).map(|receiving| receiving.credit.granted())
    }

    /// The stream that is the result of a call, while messages about it may still arrive.
    pub(crate) fn result_of(&self, id: u64) -> Option<Key> {
        self.outgoing.get(&id)?.result
    }

    /// Records that the request of a call is sent, so that its arguments may be sent. Before that the call
    /// may move to another connection. Returns the tasks to wake.
    pub(crate) fn call_sent(&mut self, id: u64) -> Vec<W> {
        let Some(members) = self.outgoing.get(&id) else { return Vec::new() };
        let keys = members.arguments.iter().map(|(_, key)| key);
        keys.filter_map(|key| self.sending.get_mut(key)?.open()).collect()
    }

    /// Handles `rpc.item`.
    pub(crate) fn handle_items(&mut self, id: u64, items: impl IntoIterator<Item = Bytes>) -> Received<W> {
        let mut received = Received { waker: None, excess: false, others: Vec::new() };
        let key = self.outgoing.get(&id).and_then(|members| members.result);
        let Some(receiving) = key.and_then(|key| self.receiving.get_mut(&key)) else { return received };
        received.waker = receiving.open();
        for item in items {
            if receiving.push(item).is_err() {
                received.excess = true;
                received.others = self.end_call(id, &End::excess());
                return received;
            }
            if received.waker.is_none() {
                received.waker = receiving.take_waker();
            }
        }
        received
    }

    /// Handles `rpc.want`. Returns the task to wake.
    pub(crate) fn handle_want(&mut self, id: u64, stream: u16, total: Totals) -> Option<W> {
        let key = self.outgoing.get(&id)?.argument(stream)?;
        self.grant(key, total)
    }

    /// Handles `rpc.stop`: ends an argument, while the call continues. Returns the task to wake.
    pub(crate) fn handle_stop(&mut self, id: u64, stream: u16) -> Option<W> {
        if Breakage::StopIsIgnored.is_on() {
            return None;
        }
        let key = self.outgoing.get(&id)?.argument(stream)?;
        self.forget_outgoing(id, key);
        self.halt(key, Halt::Stopped)
    }

    /// Ends the streams of a call that was answered. Returns the tasks to wake.
    pub(crate) fn handle_reply(&mut self, id: u64, end: &End) -> Vec<W> {
        self.end_call(id, end)
    }

    /// Ends the streams of a call that was cancelled on this side or has timed out. Items that have arrived
    /// are dropped. Returns the tasks to wake.
    pub(crate) fn cancel_call(&mut self, id: u64) -> Vec<W> {
        let result = self.outgoing.get(&id).and_then(|members| members.result);
        let end = if Breakage::CancelIsClean.is_on() { End::Complete } else { End::Cancelled };
        let ended = result.and_then(|key| self.end_receiving(key, end, false));
        let mut woken = self.end_call(id, &End::Cancelled);
        woken.extend(ended);
        woken
    }

    /// Whether messages about streams of this call may still arrive.
    pub(crate) fn has_call(&self, id: u64) -> bool {
        self.outgoing.contains_key(&id)
    }

    pub(super) fn end_call(&mut self, id: u64, end: &End) -> Vec<W> {
        let leaves_arguments = Breakage::ReplyLeavesArguments.is_on();
        let Some(Members { result, arguments }) = self.outgoing.remove(&id) else { return Vec::new() };
        let ended = result.and_then(|key| self.end_receiving(key, end.clone(), true));
        let mut woken: Vec<W> = ended.into_iter().collect();
        if !leaves_arguments {
            woken.extend(arguments.into_iter().filter_map(|(_, key)| self.halt(key, Halt::CallOver)));
        }
        woken
    }

    pub(super) fn forget_outgoing(&mut self, id: u64, key: Key) {
        let Some(members) = self.outgoing.get_mut(&id) else { return };
        members.forget(key);
        if members.is_empty() {
            self.outgoing.remove(&id);
        }
    }

    pub(super) fn grant(&mut self, key: Key, total: Totals) -> Option<W> {
        let quiet = Breakage::CreditWakesNobody.is_on();
        self.sending.get_mut(&key)?.grant(total).filter(|_| !quiet)
    }
}
