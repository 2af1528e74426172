//! What must hold, after each step and at the end.

use super::super::{End, Halt};
use super::{Consumer, Ending, Over, Producer, Role, Seen, Stream, Task, World};
use crate::message::ErrorCode;

impl World {
    /// What must hold at any time.
    pub(super) fn check_bounds(&self) {
        for side in &self.sides {
            side.streams.check_bounds(self.largest);
        }
    }

    /// The calls that are not over.
    pub(super) fn open_lives(&self) -> Vec<usize> {
        (0..self.lives.len()).filter(|life| !self.is_over(*life)).collect()
    }

    fn is_over(&self, life: usize) -> bool {
        let state = &self.states[life];
        let producers = state.arguments.iter().all(|argument| argument.over.is_some());
        state.result.seen.is_some() && producers && state.serving.is_none()
    }

    /// Whether one that is not over has a source that never ends, so that it may wait for it.
    fn may_wait(&self, life: usize) -> bool {
        let spec = &self.lives[life];
        let waits = |stream: &Stream| {
            stream.ending == Ending::Never && stream.take.is_none_or(|take| take > stream.items)
        };
        spec.streams().any(waits)
    }

    /// Nothing more happens until handlers that linger go on: an argument that such a one has dropped was
    /// stopped. Gives whether there are any, which go on now.
    pub(super) fn release(&mut self) -> bool {
        let lingering = |state: &super::State| state.lingers && !state.released;
        let found: Vec<usize> = (0..self.lives.len()).filter(|life| lingering(&self.states[*life])).collect();
        for life in &found {
            let state = &mut self.states[*life];
            for (input, producer) in state.inputs.iter().zip(&state.arguments) {
                // A call that has failed ends its argument here, and there with the reply.
                let dropped = input.seen == Some(Seen::Dropped) && state.stopped.is_none();
                assert!(
                    !dropped || producer.over.is_some(),
                    "an argument of {life} was not stopped: {:?} {input:?} {producer:?}",
                    self.lives[*life]
                );
            }
            state.released = true;
            self.woken.insert(Task { life: *life, role: Role::Handler });
        }
        !found.is_empty()
    }

    fn settle_all(&mut self) {
        self.settle();
        while self.release() {
            self.settle();
        }
    }

    /// Nothing more happens by itself. What waits for a source that never ends is cancelled, which must end
    /// it.
    pub(super) fn check_end(&self) {
        let mut world = self.clone();
        world.settle_all();
        for life in world.open_lives() {
            assert!(world.may_wait(life), "call {life} is stuck: {:?}", world.states[life]);
            world.act(super::Action::Cancel(life));
        }
        world.settle_all();
        assert_eq!(world.open_lives(), [] as [usize; 0], "cancelled, and stuck: {:?}", world.states);
        for (index, side) in world.sides.iter().enumerate() {
            assert!(side.calls.is_empty() && side.served.is_empty(), "calls of side {index} are left");
            assert!(side.streams.is_at_rest(), "left in the table of side {index}: {:?}", side.streams);
        }
        for life in 0..world.lives.len() {
            world.check_ends(life);
        }
    }

    fn check_ends(&self, life: usize) {
        let (spec, state) = (&self.lives[life], &self.states[life]);
        let gone = self.closed || state.cancelled || state.stopped.is_some() || spec.refuses;
        if let Some(stream) = &spec.result {
            let drained = self.sides[self.callee(life)].draining;
            self.check_consumer(stream, &state.result, &state.output, gone || drained, life);
        }
        // A call whose result is dropped is cancelled.
        let gone = gone || state.result.seen == Some(Seen::Dropped);
        for (index, stream) in spec.arguments.iter().enumerate() {
            let (input, producer) = (&state.inputs[index], &state.arguments[index]);
            if input.seen.is_some() {
                self.check_consumer(stream, input, producer, gone, life);
            }
            let dropped = input.seen == Some(Seen::Dropped);
            match producer.over {
                Some(Over::Halted(Halt::Stopped)) => assert!(dropped, "stopped, and nobody dropped it"),
                Some(Over::Ended | Over::Dropped) => {}
                Some(Over::Halted(Halt::Draining)) => {
                    assert_eq!(stream.ending, Ending::Never, "argument {index} of {life} would have ended");
                    assert!(self.sides[spec.caller].draining);
                }
                Some(Over::Halted(Halt::Unsent)) => assert_eq!(producer.sent, 0, "it is untouched"),
                Some(Over::Halted(_)) => assert!(
                    gone || dropped || self.was_not_served(life),
                    "argument {index} of {life} was halted for nothing: {state:?}"
                ),
                None => unreachable!("it is over"),
            }
        }
    }

    /// Whether its request was refused before a handler began.
    fn was_not_served(&self, life: usize) -> bool {
        self.sides[self.callee(life)].draining || self.states[life].served.arguments.is_empty()
    }

    /// A clean end is the producer's, behind all of its items. Each other end has its cause.
    fn check_consumer(&self, stream: &Stream, seen: &Consumer, from: &Producer, gone: bool, life: usize) {
        let all = || {
            assert_eq!(seen.got, stream.items, "call {life}: the end came before the items");
            assert_eq!(from.over, Some(Over::Ended), "call {life}: an end that was none");
        };
        let (Some(Seen::End(end) | Seen::NotOpened(end)), opened) = (&seen.seen, seen.opened) else {
            assert!(gone || seen.got == stream.take.unwrap_or(usize::MAX), "call {life}: it was dropped");
            return;
        };
        match end {
            End::Complete => {
                assert_eq!(stream.ending, Ending::Complete, "call {life}: a clean end that was none");
                all();
            }
            End::Error(error) if error.code() == 7 => {
                assert_eq!(stream.ending, Ending::Fails);
                all();
            }
            End::Error(error) if error.code() == ErrorCode::Internal.number() => {
                assert_eq!(stream.ending, Ending::Panics);
                all();
            }
            End::Error(error) if error.code() == 8 => assert!(self.lives[life].refuses && !opened),
            End::Error(error) if error.code() == ErrorCode::ShuttingDown.number() => {
                assert!(self.sides.iter().any(|side| side.draining));
            }
            End::Error(error) => {
                let too_many = error.code() == ErrorCode::LimitExceeded.number();
                assert!(too_many, "call {life}: {error}");
            }
            End::Cancelled => assert!(gone, "call {life}: nobody cancelled it"),
            End::Disconnected => assert!(self.closed, "call {life}: the connection is there"),
            End::Lagged { .. } | End::Undecodable(_) => panic!("call {life}: {end:?}"),
        }
    }
}
