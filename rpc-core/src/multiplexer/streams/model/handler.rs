//! What handlers do when they are polled: one step for each of their streams.

use super::super::Halt;
use super::tasks::failure;
use super::{Over, Role, Seen, Task, World};
use crate::message::{ErrorCode, ErrorObject, Id, WordText};

impl World {
    pub(super) fn poll_handler(&mut self, life: usize) {
        let (task, lives) = (Task { life, role: Role::Handler }, self.lives.clone());
        let spec = &lives[life];
        let Some(id) = self.states[life].serving.clone() else { return };
        let refused = spec.refuses.then(|| ErrorObject::new(8, "refused"));
        let stopped = self.states[life].stopped.filter(|_| !spec.shielded).map(ErrorObject::framework);
        if let Some(error) = stopped.or(refused) {
            self.drop_handler(life);
            return self.answer(life, &id, Some(&error));
        }
        // The result is made of what is read: both go on at once, and each step is one item.
        let again = self.produce_result(life, task, &id) | self.read_arguments(life, task);
        let state = &self.states[life];
        let output_over = spec.result.is_none() || state.output.over.is_some();
        if output_over && state.inputs.iter().all(|input| input.seen.is_some()) {
            if spec.lingers && !state.released {
                self.states[life].lingers = true;
                return;
            }
            let error = match state.output.over {
                Some(Over::Halted(Halt::Draining)) => Some(ErrorObject::framework(ErrorCode::ShuttingDown)),
                Some(Over::Halted(_)) => Some(ErrorObject::framework(ErrorCode::Cancelled)),
                _ => spec.result.and_then(|stream| failure(stream.ending)),
            };
            return self.answer(life, &id, error.as_ref());
        }
        self.wake(again.then_some(task));
    }

    fn read_arguments(&mut self, life: usize, task: Task) -> bool {
        let (lives, side) = (self.lives.clone(), self.callee(life));
        let (mut again, mut woken) = (false, Vec::new());
        for (index, stream) in lives[life].arguments.iter().enumerate() {
            let (state, side) = (&mut self.states[life], &mut self.sides[side]);
            let (key, input) = (state.served.arguments[index], &mut state.inputs[index]);
            if input.seen.is_some() {
                continue;
            }
            again |= side.consume(key, task, stream, input);
            if input.seen == Some(Seen::Dropped) {
                woken.extend(side.forsake(key));
            }
        }
        self.wake(woken);
        again
    }

    fn produce_result(&mut self, life: usize, task: Task, id: &Id) -> bool {
        let (lives, side, batch) = (self.lives.clone(), self.callee(life), self.batch);
        let (state, side) = (&mut self.states[life], &mut self.sides[side]);
        let (Some(key), Some(stream), None) = (state.served.result, &lives[life].result, state.output.over)
        else {
            return false;
        };
        if !std::mem::replace(&mut state.returned, true) {
            if side.streams.open_result(key, false) {
                side.word(WordText::item(id).finish());
            }
            return true;
        }
        let begin = || WordText::item(id);
        side.produce((key, task), (stream, batch), &mut state.output, begin).unwrap_or_else(|| {
            state.output.over = Some(Over::Ended);
            false
        })
    }

    /// What it holds is dropped with it.
    fn drop_handler(&mut self, life: usize) {
        let (lives, side) = (self.lives.clone(), self.callee(life));
        let (state, side) = (&mut self.states[life], &mut self.sides[side]);
        let mut woken = Vec::new();
        for (input, key) in state.inputs.iter_mut().zip(&state.served.arguments) {
            if input.seen.is_none() {
                input.seen = Some(Seen::Dropped);
                woken.extend(side.forsake(*key));
            }
        }
        if lives[life].result.is_some() {
            state.output.over.get_or_insert(Over::Dropped);
        }
        self.wake(woken);
    }

    fn answer(&mut self, life: usize, id: &Id, error: Option<&ErrorObject>) {
        self.states[life].serving = None;
        let side = self.callee(life);
        if self.sides[side].served.contains_key(&id.to_string()) {
            self.sides[side].reply(id, error);
        }
    }
}
