//! Checks what must hold for each call, whatever happened to it.

use super::plan::{HandlerPlan, Kind, MadeBy};
use super::record::{Answer, Outcome, Record, Said, Seen, Stage, Track, Which, World};
use crate::error::CallError;
use crate::message::ErrorObject;
use crate::streaming::StreamError;

const INTERNAL: i64 = -32603;
const INVALID_PARAMS: i64 = -32602;
const SHUTTING_DOWN: i64 = -32001;
const LIMIT: i64 = -32005;

/// Checks the calls that are open although no task can continue: only those that are planned to wait may be.
pub(super) fn check_open(world: &World) {
    for (index, call) in world.plan.calls.iter().enumerate() {
        let record = world.record(index);
        let is_open = record.stage != Stage::Over || record.is_alive();
        let given_up = record.is_given_up && record.is_alive();
        assert!(!is_open || (call.may_wait() && !given_up), "call {index} is stuck: {call:?} {record:?}");
        // A handler may continue after it has dropped its argument.
        let dropped = matches!(record.argument.seen, Some(Seen::Dropped));
        assert!(!dropped || record.argument.sources == 0, "call {index}: its argument was not stopped");
    }
}

pub(super) fn check_life(world: &World, index: usize) {
    let (record, call) = (world.record(index), world.call(index));
    let life = Life { world, index, record: &record };
    assert!(!record.is_alive(), "call {index} goes on: {call:?} {record:?}");
    match &record.outcome {
        None => assert!(record.is_given_up, "call {index} has no outcome: {record:?}"),
        Some(Outcome::Opened) => assert_eq!(record.answer, Some(Answer::Stream), "call {index}"),
        Some(Outcome::Read(read)) => assert_eq!(record.answer, Some(Answer::Read(*read)), "call {index}"),
        Some(Outcome::Failed(error)) => life.check_failed(error),
    }
    if call.kind != Kind::Up {
        life.check(Which::Result, &record.result);
    }
    if call.kind != Kind::Down {
        life.check(Which::Argument, &record.argument);
    }
}

struct Life<'a> {
    world: &'a World,
    index: usize,
    record: &'a Record,
}

impl Life<'_> {
    /// Checks the error of a call.
    fn check_failed(&self, error: &CallError<ErrorObject>) {
        let (plan, handler) = (&self.world.plan, self.world.call(self.index).handler);
        let may = match error {
            CallError::Method(error) => match error.code() {
                6 => handler == HandlerPlan::Unserved,
                _ => error.code() == 8 && self.record.answer == Some(Answer::Refused),
            },
            CallError::Rpc(error) => match error.code() {
                INTERNAL => self.record.answer == Some(Answer::Panicked),
                INVALID_PARAMS => handler == HandlerPlan::WrongParams,
                SHUTTING_DOWN => plan.event.drains(),
                LIMIT => plan.is_tight(),
                _ => false,
            },
            CallError::Cancelled => self.record.is_given_up,
            CallError::Disconnected { .. } => plan.event.ends_the_connection(),
            _ => false,
        };
        assert!(may, "call {} failed: {error:?} {:?} {:?}", self.index, plan.calls[self.index], self.record);
    }

    /// Checks what the consumer of a stream has seen.
    fn check(&self, which: Which, track: &Track) {
        let about = format!("call {}, {which:?}: {track:?}", self.index);
        assert!(track.got <= track.made, "{about}");
        match &track.seen {
            // There was no consumer.
            None => assert_eq!(track.got, 0, "{about}"),
            Some(Seen::Dropped) => assert!(self.may_be_dropped(which, track), "{about}"),
            Some(Seen::End(end)) => assert!(self.may_end(which, track, end.as_ref()), "{about}"),
        }
    }

    fn may_end(&self, which: Which, track: &Track, end: Option<&StreamError<ErrorObject>>) -> bool {
        let plan = &self.world.plan;
        let all = track.got == track.made;
        match end {
            None => all && track.said == Some(Said::Complete),
            Some(StreamError::Method(error)) => all && track.said == Some(Said::Failed(error.code())),
            Some(StreamError::Lagged { missed }) => track.said == Some(Said::Lagged(*missed)),
            Some(StreamError::Refused(error)) => match error.code() {
                INTERNAL => track.said == Some(Said::Panicked) && self.has_all_before_panic(which, track),
                SHUTTING_DOWN => plan.event.drains() && self.made_by(which) == MadeBy::Channel,
                LIMIT => plan.is_tight(),
                _ => false,
            },
            Some(StreamError::Cancelled) => self.is_call_over(which),
            Some(StreamError::Disconnected { .. }) => plan.event.ends_the_connection(),
            Some(_) => false,
        }
    }

    /// Whether all items before a panic have arrived. One item of a block may be missing, which its stream
    /// had not taken.
    fn has_all_before_panic(&self, which: Which, track: &Track) -> bool {
        let untaken = usize::from(self.made_by(which) == MadeBy::Block);
        track.got + untaken >= track.made
    }

    fn made_by(&self, which: Which) -> MadeBy {
        let call = &self.world.plan.calls[self.index];
        match which {
            Which::Result => call.result.made_by,
            Which::Argument => call.argument.made_by,
        }
    }

    /// Whether the call may have ended before this stream: its caller has given it up or dropped its result,
    /// or a task of the handler has outlived it.
    fn is_call_over(&self, which: Which) -> bool {
        let handler = self.world.plan.calls[self.index].handler;
        let dropped = which == Which::Argument && matches!(self.record.result.seen, Some(Seen::Dropped));
        let outlived = which == Which::Argument && handler == HandlerPlan::HandsOn;
        self.record.is_given_up || dropped || outlived || self.world.plan.is_tight()
    }

    fn may_be_dropped(&self, which: Which, track: &Track) -> bool {
        let call = &self.world.plan.calls[self.index];
        let take = match which {
            Which::Result => call.result.take,
            Which::Argument => call.argument.take,
        };
        let handler_ended = matches!(self.record.answer, Some(Answer::Refused | Answer::Panicked));
        let is_gone = self.world.plan.event.ends_the_connection() || self.is_call_over(which);
        take == Some(track.got) || is_gone || (which == Which::Argument && handler_ended)
    }
}
