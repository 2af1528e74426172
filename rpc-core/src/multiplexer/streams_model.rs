//! A table of streams beside a peer that does anything: whatever it says, and in whatever order this side
//! acts on it, nothing is held beyond the limits, no end is clean that was none, and nothing is left. The
//! property test gives it what proptest makes, the fuzz target `multiplexer` what coverage finds.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;

use bytes::Bytes;

use super::streams::{CallStreams, End, Farewell, Key, Next, StreamLimits, Streams};
use crate::message::{ErrorCode, ErrorObject, Id, Totals};

/// What happens; a number picks a call, or a stream of this side.
#[derive(Clone, Debug)]
pub enum Step {
    /// We make a call, with a result and so many arguments.
    Call {
        /// Whether its result is a stream.
        result: bool,
        /// How many of its arguments are.
        arguments: u8,
    },
    /// The request of a call of ours goes out.
    Sent(u8),
    /// A call of ours is cancelled here.
    Cancel(u8),
    /// A request comes.
    Request {
        /// Its id, of which there are few.
        id: u8,
        /// Whether its result is a stream, and for how many items there is credit.
        result: Option<u8>,
        /// How many of its arguments are streams.
        arguments: u8,
    },
    /// A handler returns its result.
    Return(u8),
    /// A call of the peer is answered.
    Answer(u8),
    /// The peer says a word about one of our calls, or of its own.
    Word {
        /// Which.
        word: u8,
        /// The call's id.
        id: u8,
        /// The argument.
        stream: u8,
        /// Items, or a total.
        count: u8,
    },
    /// A consumer is polled.
    Consume(u8),
    /// A consumer is dropped.
    Drop(u8),
    /// A producer sends an item if it may.
    Produce(u8),
    /// The producer of an argument ends.
    End(u8),
    /// This side drains.
    Drain,
    /// The connection ends.
    Disconnect,
}

/// Takes the steps, one after the other.
///
/// # Panics
/// If the table does what it must not.
pub fn check(steps: impl IntoIterator<Item = Step>) {
    let window = Totals { items: 4, bytes: 100 };
    let limits = StreamLimits { max_streams: 3, max_stream_bytes: 400, window };
    let mut checked = Checked::new(Streams::new(limits));
    for step in steps {
        checked.run(&step);
        checked.table.check_bounds(ITEM.len() as u64);
    }
    checked.finish();
}

const ITEM: &[u8] = b"\"twenty bytes long\"";

struct Checked {
    table: Streams<()>,
    next_id: u64,
    /// Results that are produced, by the ids of their calls.
    served: BTreeMap<u64, CallStreams>,
    made: BTreeMap<u64, CallStreams>,
    consumers: BTreeSet<Key>,
    producers: BTreeSet<Key>,
    /// Consumers whose producer has said that it is complete, before any other end.
    complete: BTreeSet<Key>,
    ended: BTreeSet<Key>,
    over: bool,
}

fn id(number: u64) -> Id {
    Id::number(number)
}

fn pick(from: &BTreeSet<Key>, index: u8) -> Option<Key> {
    from.iter().nth(usize::from(index) % from.len().max(1)).copied()
}

impl Checked {
    fn new(table: Streams<()>) -> Self {
        Self {
            table,
            next_id: 1,
            served: BTreeMap::new(),
            made: BTreeMap::new(),
            consumers: BTreeSet::new(),
            producers: BTreeSet::new(),
            complete: BTreeSet::new(),
            ended: BTreeSet::new(),
            over: false,
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Call { .. } | Step::Request { .. } if self.over => {}
            Step::Call { result, arguments } => self.call(result, arguments % 3),
            Step::Sent(id) => drop(self.table.call_sent(id.into())),
            Step::Cancel(id) => {
                self.table.cancel_call(id.into());
                self.call_ended(id.into(), false);
            }
            Step::Request { id, result, arguments } => self.request(id.into(), result, arguments % 3),
            Step::Return(call) => {
                if let Some(key) = self.served.get(&call.into()).and_then(|streams| streams.result) {
                    self.table.open_result(key, call.is_multiple_of(2));
                }
            }
            Step::Answer(call) => {
                self.table.finish_call(&id(call.into()));
                self.served_ended(call.into());
                self.served.remove(&call.into());
            }
            Step::Word { word, id, stream, count } => self.word(word, id.into(), stream.into(), count),
            Step::Consume(index) => self.consume(index),
            Step::Drop(index) => {
                let Some(key) = pick(&self.consumers, index) else { return };
                if let (Farewell::Cancel(id), _) = self.table.drop_receiving(key) {
                    self.call_ended(id, false);
                }
                self.consumers.remove(&key);
            }
            Step::Produce(index) => {
                let Some(key) = pick(&self.producers, index) else { return };
                if self.table.poll_credit(key, &mut None) == Poll::Ready(Ok(())) {
                    self.table.spend(key, ITEM.len() as u64);
                }
            }
            Step::End(index) => {
                let argument = |key: &Key| !self.served.values().any(|streams| streams.result == Some(*key));
                if let Some(key) = pick(&self.producers, index).filter(argument) {
                    self.table.end_argument(key);
                    self.producers.remove(&key);
                }
            }
            Step::Drain => drop(self.table.drain()),
            Step::Disconnect => {
                self.table.disconnect();
                self.over = true;
                self.ended.extend(&self.consumers);
            }
        }
    }

    fn call(&mut self, result: bool, arguments: u8) {
        let (number, numbers) = (self.next_id, Vec::from_iter(0..u16::from(arguments)));
        self.next_id += 1;
        let window = result.then_some(Totals { items: 3, bytes: 50 });
        let (streams, credit) = self.table.open_call(number, window, &numbers);
        assert_eq!(credit.is_some(), result);
        self.consumers.extend(streams.result);
        self.producers.extend(&streams.arguments);
        self.made.insert(number, streams);
    }

    fn request(&mut self, number: u64, result: Option<u8>, arguments: u8) {
        if self.served.contains_key(&number) {
            return;
        }
        let credit = result.map(|items| Totals { items: items.into(), bytes: 100 });
        let numbers = Vec::from_iter(0..u16::from(arguments));
        let Ok(streams) = self.table.accept_call(&id(number), credit, &numbers) else { return };
        self.producers.extend(streams.result);
        self.consumers.extend(&streams.arguments);
        self.served.insert(number, streams);
    }

    /// The streams of a call of ours are over.
    fn call_ended(&mut self, number: u64, complete: bool) {
        let Some(streams) = self.made.remove(&number) else { return };
        if let Some(key) = streams.result
            && self.ended.insert(key)
            && complete
        {
            self.complete.insert(key);
        }
    }

    /// The arguments of one of the peer's are.
    fn served_ended(&mut self, number: u64) {
        let Some(streams) = self.served.get(&number) else { return };
        self.ended.extend(&streams.arguments);
    }

    fn word(&mut self, word: u8, number: u64, stream: u16, count: u8) {
        let items = vec![Bytes::from_static(ITEM); usize::from(count % 8)];
        let total = Totals { items: count.into(), bytes: u64::from(count) * 10 };
        match word % 8 {
            0 => {
                if self.table.handle_items(number, items).excess {
                    self.call_ended(number, false);
                }
            }
            1 => {
                if self.table.handle_push(&id(number), stream, items).failed.is_some() {
                    self.served_ended(number);
                }
            }
            2 => drop(self.table.handle_more(&id(number), total)),
            3 => drop(self.table.handle_want(number, stream, total)),
            4 => drop(self.table.handle_stop(number, stream)),
            5 => {
                let error = [None, Some(r#"{"code":7,"message":""}"#), Some("7")][usize::from(count % 3)];
                self.table.handle_done(&id(number), stream, error);
                let arguments = self.served.get(&number).map(|streams| &streams.arguments);
                if let Some(key) = arguments.and_then(|all| all.get(usize::from(stream)))
                    && self.ended.insert(*key)
                    && error.is_none()
                {
                    self.complete.insert(*key);
                }
            }
            6 => {
                self.table.cancel_incoming(&id(number));
                self.served_ended(number);
            }
            _ => {
                let complete = count.is_multiple_of(2);
                let error = End::of_error(ErrorObject::framework(ErrorCode::Internal));
                let end = if complete { End::Complete } else { error };
                self.table.handle_reply(number, &end);
                self.call_ended(number, complete);
            }
        }
    }

    fn consume(&mut self, index: u8) {
        let Some(key) = pick(&self.consumers, index) else { return };
        if let (Poll::Ready(Next::End(end)), grant) = self.table.poll_next(key, &mut None) {
            let complete = self.complete.contains(&key);
            assert_eq!(end == End::Complete, complete, "stream {key} ended as {end:?}");
            assert!(self.ended.contains(&key) && grant.is_none());
            self.consumers.remove(&key);
        }
    }

    /// All that is on this side is dropped, and all calls are answered.
    fn finish(mut self) {
        (0..256).for_each(|number| drop(self.table.finish_call(&id(number))));
        for key in std::mem::take(&mut self.consumers) {
            self.table.drop_receiving(key);
        }
        (0..self.next_id).for_each(|number| drop(self.table.cancel_call(number)));
        for key in std::mem::take(&mut self.producers) {
            self.table.end_argument(key);
        }
        assert!(self.table.is_at_rest(), "{:?}", self.table);
    }
}
