//! What callers and producers of arguments do when they are polled: one step.

use std::task::Poll;

use super::super::{Farewell, Grant, Halt, Key, Name, Next};
use super::side::{Queued, Side};
use super::{Consumer, Ending, Over, Producer, Role, Seen, Stream, Task, World};
use crate::message::{ErrorCode, ErrorObject, WordText};

/// What an item is; a JSON string of so many bytes, if its number has room in it.
fn item(number: usize, len: usize) -> String {
    format!("{number:0>width$}", width = len.saturating_sub(2).max(1))
}

pub(super) fn item_len(stream: &Stream) -> u64 {
    item(stream.items, stream.len).len() as u64 + 2
}

pub(super) fn failure(ending: Ending) -> Option<ErrorObject> {
    match ending {
        Ending::Complete | Ending::Never => None,
        Ending::Fails => Some(ErrorObject::new(7, "failed")),
        Ending::Panics => Some(ErrorObject::framework(ErrorCode::Internal)),
    }
}

impl Side {
    /// Takes one item or the end. Whether it is to be polled again.
    pub(super) fn consume(&mut self, key: Key, task: Task, stream: &Stream, consumer: &mut Consumer) -> bool {
        if stream.take == Some(consumer.got) {
            consumer.seen = Some(Seen::Dropped);
            return false;
        }
        let (next, grant) = self.streams.poll_next(key, &mut Some(task));
        if let Some(Grant { name, total }) = grant {
            self.word(match name {
                Name::Outgoing(id, _) => WordText::more(id, total),
                Name::Incoming(id, stream) => WordText::want(&id, stream.expect("an argument"), total),
                Name::Subscription(_) => unreachable!("it is produced here"),
            });
        }
        match next {
            Poll::Ready(Next::Item(text)) => {
                let expected = format!("\"{}\"", item(consumer.got, stream.len));
                assert_eq!(text, expected.as_bytes(), "items come in order, each once");
                consumer.got += 1;
                true
            }
            Poll::Ready(Next::End(end)) => {
                consumer.seen = Some(Seen::End(end));
                false
            }
            Poll::Pending => false,
        }
    }

    /// Drops a consumer. Gives whom to wake.
    pub(super) fn forsake(&mut self, key: Key) -> Vec<Task> {
        let (farewell, woken) = self.streams.drop_receiving(key);
        match farewell {
            Farewell::Nothing => {}
            Farewell::Cancel(id) => self.tell_cancel(id),
            Farewell::Stop(id, stream) => self.word(WordText::stop(&id, stream)),
        }
        woken
    }

    /// Sends up to a message of items, begun by `begin`. `None`: there are no more. `Some(true)`: polled
    /// again.
    pub(super) fn produce(
        &mut self,
        (key, task): (Key, Task),
        (stream, batch): (&Stream, usize),
        producer: &mut Producer,
        begin: impl Fn() -> WordText,
    ) -> Option<bool> {
        if producer.over.is_some() {
            return Some(false);
        }
        if producer.sent == stream.items {
            if stream.ending != Ending::Never {
                return None;
            }
            if let Poll::Ready(halt) = self.streams.poll_halted(key, &mut Some(task)) {
                producer.over = Some(Over::Halted(halt));
            }
            return Some(false);
        }
        match self.streams.poll_credit(key, &mut Some(task)) {
            Poll::Pending => return Some(false),
            Poll::Ready(Err(halt)) => {
                producer.over = Some(Over::Halted(halt));
                return Some(false);
            }
            Poll::Ready(Ok(())) => {}
        }
        let (mut word, mut bytes, mut more) = (begin(), 0, true);
        for _ in 0..batch {
            if more && producer.sent < stream.items {
                let len = word.value(&item(producer.sent, stream.len)).expect("it serialises");
                more = self.streams.spend(key, len);
                (producer.sent, bytes) = (producer.sent + 1, bytes + len);
            }
        }
        self.queue.push_back(Queued::Items(key, bytes, word.finish()));
        Some(true)
    }
}

impl World {
    pub(super) fn poll_caller(&mut self, life: usize) {
        let (task, lives) = (Task { life, role: Role::Caller }, self.lives.clone());
        let spec = &lives[life];
        if self.states[life].id.is_none() {
            if self.closed {
                self.states[life].result.seen = Some(Seen::Dropped);
                self.states[life]
                    .arguments
                    .iter_mut()
                    .for_each(|argument| argument.over = Some(Over::Dropped));
                return;
            }
            self.open(life);
            let tasks = (0..spec.arguments.len()).map(|index| Task { life, role: Role::Argument(index) });
            self.wake(tasks);
        }
        let (state, side) = (&mut self.states[life], &mut self.sides[spec.caller]);
        let (Some(key), Some(stream)) = (state.made.result, &spec.result) else { return };
        if state.result.seen.is_some() {
            return;
        }
        if !state.result.opened {
            match side.streams.poll_open(key, &mut Some(task)) {
                Poll::Pending => return,
                Poll::Ready(Err(end)) => {
                    state.result.seen = Some(Seen::NotOpened(end));
                    return;
                }
                Poll::Ready(Ok(())) => state.result.opened = true,
            }
        }
        let again = side.consume(key, task, stream, &mut state.result);
        let dropped = state.result.seen == Some(Seen::Dropped);
        let woken = if dropped { side.forsake(key) } else { Vec::new() };
        self.wake(woken);
        self.wake(again.then_some(task));
    }

    pub(super) fn poll_argument(&mut self, life: usize, index: usize) {
        let (task, lives) = (Task { life, role: Role::Argument(index) }, self.lives.clone());
        let (spec, state) = (&lives[life], &mut self.states[life]);
        let (stream, producer) = (&spec.arguments[index], &mut state.arguments[index]);
        let (side, key) = (&mut self.sides[spec.caller], state.made.arguments[index]);
        let id = state.id.expect("the call was made");
        if producer.over.is_some() {
            return;
        }
        // The request goes first.
        match side.streams.poll_started(key, &mut Some(task)) {
            Poll::Pending => return,
            Poll::Ready(Err(halt)) => producer.over = Some(Over::Halted(halt)),
            Poll::Ready(Ok(())) if stream.ending == Ending::Never => drop(side.streams.set_endless(key)),
            Poll::Ready(Ok(())) => {}
        }
        let begin = || WordText::push(id, index as u16);
        let again = match side.produce((key, task), (stream, self.batch), producer, begin) {
            Some(again) => again,
            None => {
                producer.over = Some(Over::Ended);
                if let (Some((id, number)), _) = side.streams.end_argument(key) {
                    let mut word = WordText::done(id, number);
                    if let Some(error) = failure(stream.ending) {
                        word.value(&error).expect("it serialises");
                    }
                    side.word(word.finish());
                }
                false
            }
        };
        if let Some(Over::Halted(halt)) = producer.over
            && let (Some((id, number)), _) = side.streams.end_argument(key)
        {
            assert_eq!(halt, Halt::Draining, "nobody wants to hear of it");
            let mut word = WordText::done(id, number);
            word.value(&ErrorObject::framework(ErrorCode::ShuttingDown)).expect("it serialises");
            side.word(word.finish());
        }
        self.wake(again.then_some(task));
    }
}
