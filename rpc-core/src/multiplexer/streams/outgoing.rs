//! Streams of calls that we made: the result is consumed here, arguments are produced here.

use bytes::Bytes;

use super::{Breakage, CallStreams, End, Halt, Key, Members, Name, Receiving, Sending, Streams};
use crate::message::Totals;
use crate::multiplexer::credit::{FIXED, PooledCredit};

/// What became of items of a result.
#[derive(Debug)]
pub(crate) struct Received<W> {
    pub(crate) waker: Option<W>,
    /// The callee sent more than was granted: the call is to be cancelled. Its streams have ended already,
    /// with -32600.
    pub(crate) excess: bool,
    /// Who else is to be woken then.
    pub(crate) others: Vec<W>,
}

impl<W> Streams<W> {
    /// Enters the streams of a call that has its id, before its request is queued. `window` is that of the
    /// result, if it is a stream. Gives what the request's member `stream` says.
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

    /// What the request of a call grants its callee from the beginning, if its result is a stream.
    pub(crate) fn initial_credit(&self, id: u64) -> Option<Totals> {
        let result = self.outgoing.get(&id)?.result?;
        self.receiving.get(&result).map(|receiving| receiving.credit.granted())
    }

    /// The stream that is the result of a call of ours, while words or a reply still come for it.
    pub(crate) fn result_of(&self, id: u64) -> Option<Key> {
        self.outgoing.get(&id)?.result
    }

    /// The request is on its way, and so may be what belongs to it. Before that a call may go to another
    /// connection as it is. Gives whom to wake.
    pub(crate) fn call_sent(&mut self, id: u64) -> Vec<W> {
        let Some(members) = self.outgoing.get(&id) else { return Vec::new() };
        let keys = members.arguments.iter().map(|(_, key)| key);
        keys.filter_map(|key| self.sending.get_mut(key)?.open()).collect()
    }

    /// `rpc.item`.
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
            received.waker = receiving.take_waker().or(received.waker);
        }
        received
    }

    /// `rpc.want`: gives whom to wake.
    pub(crate) fn handle_want(&mut self, id: u64, stream: u16, total: Totals) -> Option<W> {
        let key = self.outgoing.get(&id)?.argument(stream)?;
        self.grant(key, total)
    }

    /// `rpc.stop`: nothing more of an argument is wanted, and the call goes on. Gives whom to wake.
    pub(crate) fn handle_stop(&mut self, id: u64, stream: u16) -> Option<W> {
        if Breakage::StopIsIgnored.is_on() {
            return None;
        }
        let key = self.outgoing.get(&id)?.argument(stream)?;
        self.forget_outgoing(id, key);
        self.halt(key, Halt::Stopped)
    }

    /// The call was answered: the end of its result, if that is a stream, and of its arguments. Gives whom to
    /// wake.
    pub(crate) fn handle_reply(&mut self, id: u64, end: &End) -> Vec<W> {
        self.end_call(id, end)
    }

    /// The call is given up on this side, by its handle or its timer. What came before is dropped. Gives whom
    /// to wake.
    pub(crate) fn cancel_call(&mut self, id: u64) -> Vec<W> {
        let result = self.outgoing.get(&id).and_then(|members| members.result);
        let end = if Breakage::CancelIsClean.is_on() { End::Complete } else { End::Cancelled };
        let ended = result.and_then(|key| self.end_receiving(key, end, false));
        let mut woken = self.end_call(id, &End::Cancelled);
        woken.extend(ended);
        woken
    }

    /// Whether words and a reply still come for streams of this call.
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
