//! One side's connection: its queue, what it does with a message, and the calls that are open.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::super::{End, Failed, Key, StreamLimits, Streams, TooManyStreams};
use super::{Consumer, Role, Seen, Task, World};
use crate::message::{
    Decoded, Elements, ErrorCode, ErrorObject, Id, Incoming, ParsedWord, Request, RequestText, Response,
    ResponseOutcome, Version, Word, decode, error_reply, parse_initial_credit, parse_stream_param,
};
use crate::message::{array_elements, encode_notification};

#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) streams: Streams<Task>,
    pub(super) queue: VecDeque<Queued>,
    /// Our calls that are open: of which life, and whether the request has gone out.
    pub(super) calls: BTreeMap<u64, (usize, bool)>,
    /// The peer's, by the text of their ids.
    pub(super) served: BTreeMap<String, usize>,
    next_id: u64,
    pub(super) draining: bool,
}

/// What waits for the socket.
#[derive(Clone, Debug)]
pub(super) enum Queued {
    Word(Bytes),
    Request(u64, Bytes),
    Items(Key, u64, Bytes),
    Reply(Id, Bytes),
}

impl Side {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self {
            streams: Streams::new(limits),
            queue: VecDeque::new(),
            calls: BTreeMap::new(),
            served: BTreeMap::new(),
            next_id: 1,
            draining: false,
        }
    }

    pub(super) fn word(&mut self, text: Bytes) {
        self.queue.push_back(Queued::Word(text));
    }

    pub(super) fn reply(&mut self, id: &Id, error: Option<&ErrorObject>) {
        let mut text = Vec::new();
        match error {
            Some(error) => error_reply(id, error, &mut text),
            None => text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":null}}"#).into(),
        }
        self.queue.push_back(Queued::Reply(id.clone(), text.into()));
    }

    /// A call of ours that has been sent is given up.
    pub(super) fn tell_cancel(&mut self, id: u64) {
        if let Some((_, true)) = self.calls.remove(&id) {
            self.word(
                encode_notification("rpc.cancel", &serde_json::json!({ "id": id })).expect("it encodes"),
            );
        }
    }
}

fn bytes(items: Elements<'_>) -> Vec<Bytes> {
    items.map(|item| Bytes::copy_from_slice(item.as_bytes())).collect()
}

impl World {
    /// Makes the call of a life.
    pub(super) fn open(&mut self, life: usize) {
        let spec = &self.lives[life];
        let side = &mut self.sides[spec.caller];
        let id = side.next_id;
        side.next_id += 1;
        let numbers: Vec<u16> = (0..spec.arguments.len() as u16).collect();
        let window = spec.result.map(|_| spec.window);
        let (made, credit) = side.streams.open_call(id, window, &numbers);
        side.calls.insert(id, (life, false));
        let arguments = numbers.iter().map(|number| serde_json::json!({ "stream": number }));
        let params: Vec<_> = std::iter::once(serde_json::json!(life)).chain(arguments).collect();
        let request = RequestText::encode("life", &params).expect("it encodes");
        let request = match credit {
            Some(credit) => request.with_stream(credit.items, credit.bytes).finish(id),
            None => request.finish(id),
        };
        side.queue.push_back(Queued::Request(id, request));
        (self.states[life].id, self.states[life].made) = (Some(id), made);
    }

    /// As the connection's task does when it takes something from the queue.
    pub(super) fn write(&mut self, index: usize) {
        let side = &mut self.sides[index];
        let (text, woken) = match side.queue.pop_front().expect("it is not empty") {
            Queued::Word(text) => (text, Vec::new()),
            Queued::Items(key, bytes, text) => (text, Vec::from_iter(side.streams.written(key, bytes))),
            Queued::Reply(id, text) => {
                side.served.remove(&id.to_string());
                (text, side.streams.finish_call(&id))
            }
            Queued::Request(id, text) => match side.calls.get_mut(&id) {
                Some((_, sent)) => {
                    *sent = true;
                    (text, side.streams.call_sent(id))
                }
                // Nobody awaits it any more, and the peer never saw it.
                None => return,
            },
        };
        self.wake(woken);
        self.links[1 - index].push_back(text);
    }

    pub(super) fn deliver(&mut self, side: usize) {
        let text = self.links[side].pop_front().expect("it is not empty");
        match decode(&text, 1, Version::Required) {
            Decoded::One(Incoming::Request(request)) => self.accept(side, &request),
            Decoded::One(Incoming::Response(response)) => self.answered(side, response),
            Decoded::One(Incoming::Notification { method, params }) => match Word::parse(&method, params) {
                ParsedWord::Word(word) => self.hear(side, word),
                ParsedWord::Other if method == "rpc.cancel" => {
                    let cancel: serde_json::Value =
                        serde_json::from_str(params.unwrap_or("{}")).expect("JSON");
                    let id = Id::from_json(&cancel["id"].to_string()).expect("an id");
                    self.stop_handler(side, &id, ErrorCode::Cancelled);
                }
                _ => panic!("{}", String::from_utf8_lossy(&text)),
            },
            _ => panic!("{}", String::from_utf8_lossy(&text)),
        }
    }

    fn accept(&mut self, index: usize, request: &Request<'_>) {
        let (mut life, mut numbers) = (None, Vec::new());
        array_elements(request.params.unwrap_or_default(), |param| match parse_stream_param(param) {
            Some(number) => numbers.push(number),
            None => life = param.parse().ok(),
        });
        let life: usize = life.expect("the number of a life");
        let side = &mut self.sides[index];
        if side.draining {
            return side.reply(&request.id, Some(&ErrorObject::framework(ErrorCode::ShuttingDown)));
        }
        let credit =
            request.extensions.stream().map(|text| parse_initial_credit(text).expect("it is well-formed"));
        match side.streams.accept_call(&request.id, credit, &numbers) {
            Ok(served) => {
                side.served.insert(request.id.to_string(), life);
                (self.states[life].serving, self.states[life].served) = (Some(request.id.clone()), served);
                self.wake([Task { life, role: Role::Handler }]);
            }
            Err(TooManyStreams) => {
                side.reply(&request.id, Some(&ErrorObject::framework(ErrorCode::LimitExceeded)));
            }
        }
    }

    fn answered(&mut self, index: usize, response: Response<'_>) {
        let id = response.id.as_number().expect("our ids are numbers");
        let end = match response.outcome {
            ResponseOutcome::Result(_) => End::Complete,
            ResponseOutcome::Error(error) => End::of_error(error),
            ResponseOutcome::Broken { why, .. } => panic!("{why}"),
        };
        // A call that was given up is answered late.
        let Some((life, _)) = self.sides[index].calls.remove(&id) else { return };
        let woken = self.sides[index].streams.handle_reply(id, &end);
        if self.lives[life].result.is_none() {
            self.states[life].result.seen = Some(Seen::End(end));
        }
        self.wake(woken);
    }

    fn hear(&mut self, index: usize, word: Word<'_>) {
        let streams = &mut self.sides[index].streams;
        let ours = |id: &Id| id.as_number().expect("our ids are numbers");
        let woken = match word {
            Word::Item { id, items } => {
                let received = streams.handle_items(ours(&id), bytes(items));
                assert!(!received.excess, "more than was granted came");
                received.waker
            }
            Word::Push { id, stream, items } => {
                let pushed = streams.handle_push(&id, stream, bytes(items));
                self.wake(pushed.others);
                match pushed.failed {
                    Some(Failed::Limit) => self.stop_handler(index, &id, ErrorCode::LimitExceeded),
                    Some(Failed::Excess) => panic!("more than was granted came"),
                    None => {}
                }
                pushed.waker
            }
            Word::More { id, total } => streams.handle_more(&id, total),
            Word::Want { id, stream, total } => streams.handle_want(ours(&id), stream, total),
            Word::Done { id, stream, error } => streams.handle_done(&id, stream, error),
            Word::Stop { id, stream } => streams.handle_stop(ours(&id), stream),
            Word::Allow { .. } => panic!("nobody says it here"),
        };
        self.wake(woken);
    }

    /// A cancel came, or the call failed.
    fn stop_handler(&mut self, index: usize, id: &Id, why: ErrorCode) {
        let Some(life) = self.sides[index].served.get(&id.to_string()).copied() else { return };
        self.states[life].stopped.get_or_insert(why);
        let woken = self.sides[index].streams.cancel_incoming(id);
        self.wake(woken);
        self.wake([Task { life, role: Role::Handler }]);
    }

    /// The call is cancelled by its handle.
    pub(super) fn cancel(&mut self, life: usize) {
        let Some(id) = self.states[life].id else { return };
        let side = &mut self.sides[self.lives[life].caller];
        if !side.calls.contains_key(&id) {
            return;
        }
        self.states[life].cancelled = true;
        let woken = side.streams.cancel_call(id);
        side.tell_cancel(id);
        side.calls.remove(&id);
        if self.lives[life].result.is_none() {
            self.states[life].result.seen = Some(Seen::End(End::Cancelled));
        }
        self.wake(woken);
    }

    /// The connection ends, for both sides at once: what is on its way is lost.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.links = Default::default();
        for index in 0..2 {
            let side = &mut self.sides[index];
            side.queue.clear();
            let (woken, calls) = (side.streams.disconnect(), std::mem::take(&mut side.calls));
            let served = std::mem::take(&mut side.served);
            self.wake(woken);
            for (life, _) in calls.into_values() {
                let Consumer { seen, .. } = &mut self.states[life].result;
                if self.lives[life].result.is_none() {
                    seen.get_or_insert(Seen::End(End::Disconnected));
                }
            }
            for life in served.into_values() {
                self.states[life].stopped.get_or_insert(ErrorCode::Cancelled);
                self.wake([Task { life, role: Role::Handler }]);
            }
        }
    }
}
