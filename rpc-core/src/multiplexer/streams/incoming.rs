//! The streams of the peer's calls: this side produces the result and consumes the arguments.

use bytes::Bytes;

use super::end::EXCESS;
use super::{Breakage, CallStreams, End, Halt, Members, Name, Receiving, Sending, Streams};
use crate::message::{ErrorCode, ErrorObject, Id, Totals};
use crate::multiplexer::credit::{FIXED, PooledCredit};

/// `max_streams` results are open: -32005.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyStreams;

/// The result of handling an `rpc.push`.
#[derive(Debug)]
pub(crate) struct Pushed<W> {
    pub(crate) waker: Option<W>,
    /// Set if the call must end with this error, and its handler be dropped. Its streams have ended already.
    pub(crate) failed: Option<Failed>,
    /// The other tasks to wake in that case.
    pub(crate) others: Vec<W>,
}

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The caller sent more than was granted: -32600.
    Excess,
    /// The arguments of this connection hold `max_stream_bytes`: -32005.
    Limit,
}

impl Failed {
    /// The error of the reply.
    pub(crate) fn error(self) -> ErrorObject {
        match self {
            Self::Excess => ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", EXCESS),
            Self::Limit => {
                let detail = "arguments hold too many bytes unread (`max_stream_bytes`)";
                ErrorObject::framework_with(ErrorCode::LimitExceeded, "detail", detail)
            }
        }
    }
}

impl<W> Streams<W> {
    /// Enters the streams of a request when it is read, since the next message may contain items of its
    /// arguments. `credit` is the member `stream` of the request, if the method's result is a stream. No
    /// other open call has the id.
    pub(crate) fn accept_call(
        &mut self,
        id: &Id,
        credit: Option<Totals>,
        arguments: &[u16],
    ) -> Result<CallStreams, TooManyStreams> {
        if credit.is_some() && self.results >= self.limits.max_streams {
            return Err(TooManyStreams);
        }
        let (mut streams, mut members) = (CallStreams::default(), Members::default());
        if let Some(credit) = credit {
            let key = self.new_key();
            self.sending.insert(key, Sending::new(Name::Incoming(id.clone(), None), credit));
            self.results += 1;
            (streams.result, members.result) = (Some(key), Some(key));
        }
        for number in arguments {
            let key = self.new_key();
            let name = Name::Incoming(id.clone(), Some(*number));
            let credit = PooledCredit::new(FIXED, self.limits.window);
            self.receiving.insert(key, Receiving::argument(name, credit));
            streams.arguments.push(key);
            members.arguments.push((*number, key));
        }
        if !members.is_empty() {
            self.incoming.insert(id.clone(), members);
        }
        Ok(streams)
    }

    /// Handles `rpc.more`. Returns the task to wake.
    pub(crate) fn handle_more(&mut self, id: &Id, total: Totals) -> Option<W> {
        let key = self.incoming.get(id)?.result?;
        self.grant(key, total)
    }

    /// Handles `rpc.push`.
    pub(crate) fn handle_push(
        &mut self,
        id: &Id,
        stream: u16,
        items: impl IntoIterator<Item = Bytes>,
    ) -> Pushed<W> {
        let mut pushed = Pushed { waker: None, failed: None, others: Vec::new() };
        let key = self.incoming.get(id).and_then(|members| members.argument(stream));
        let Some(receiving) = key.and_then(|key| self.receiving.get_mut(&key)) else { return pushed };
        for item in items {
            let len = item.len() as u64;
            pushed.failed = match self.unread < self.limits.max_stream_bytes {
                false => Some(Failed::Limit),
                true => receiving.push(item).err().map(|_| Failed::Excess),
            };
            if pushed.failed.is_some() {
                pushed.others = self.cancel_incoming(id);
                break;
            }
            self.unread += len;
            if pushed.waker.is_none() {
                pushed.waker = receiving.take_waker();
            }
        }
        pushed
    }

    /// Handles `rpc.done`. Returns the task to wake.
    pub(crate) fn handle_done(&mut self, id: &Id, stream: u16, error: Option<&str>) -> Option<W> {
        let forgets = Breakage::DoneForgetsItsError.is_on();
        let members = self.incoming.get_mut(id)?;
        let key = members.argument(stream)?;
        members.forget(key);
        self.end_receiving(key, End::of_done(error.filter(|_| !forgets)), true)
    }

    /// Ends the streams of a call that was cancelled by its caller, or has failed. The call stays open until
    /// it is answered. Returns the tasks to wake.
    pub(crate) fn cancel_incoming(&mut self, id: &Id) -> Vec<W> {
        let Some(members) = self.incoming.get_mut(id) else { return Vec::new() };
        let arguments = std::mem::take(&mut members.arguments);
        let halted = members.result.and_then(|key| self.halt(key, Halt::CallOver));
        let ended = arguments.into_iter();
        let mut woken: Vec<W> =
            ended.filter_map(|(_, key)| self.end_receiving(key, End::Cancelled, false)).collect();
        woken.extend(halted);
        woken
    }

    /// Removes the streams of a call that is answered, so that its id may be used again. If a task that the
    /// handler spawned still reads an argument, the argument ends as cancelled. Returns the tasks to wake.
    pub(crate) fn finish_call(&mut self, id: &Id) -> Vec<W> {
        let mut woken = self.cancel_incoming(id);
        if Breakage::NamesOutliveTheirCall.is_on() {
            return woken;
        }
        let result = self.incoming.remove(id).and_then(|members| members.result);
        if let Some(sending) = result.and_then(|key| self.sending.remove(&key)) {
            self.results -= 1;
            woken.extend(sending.into_waker());
        }
        woken
    }
}
