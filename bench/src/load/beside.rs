//! Calls at a fixed rate, on a connection that has live streams, and perhaps one that is not read.

use std::{collections::VecDeque, rc::Rc};

use crate::load::{
    exchange::{Exchange, FIRST_ID, shown},
    frame,
    script::{Script, Turn},
};

/// Each time that it begins, it makes a call; the first time it also opens its streams.
pub(crate) struct Beside {
    exchange: Rc<Exchange>,
    /// Streams of the server that have an item every ten milliseconds, and credit for all of them.
    live: u64,
    /// Whether there is one more, which is as fast as its credit lets it and gets no more of that.
    stalled: bool,
    opened: bool,
    next: u64,
    /// The calls that are not answered, and when they were sent.
    sent: VecDeque<(u64, u64)>,
}

impl Beside {
    pub(crate) fn new(exchange: &Rc<Exchange>, live: u64, stalled: bool) -> Self {
        let exchange = exchange.clone();
        Self { exchange, live, stalled, opened: false, next: FIRST_ID, sent: VecDeque::new() }
    }

    fn open(&self, turn: &mut Turn<'_>) {
        let mut call = |id: u64, rest: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#);
            frame::write(frame::TEXT, text.as_bytes(), turn.out);
        };
        for id in 1..=self.live {
            let params = r#""params":[0,1000000000,10],"stream":[1000000000,1000000000000]"#;
            call(id, &format!(r#""method":"count",{params}"#));
        }
        if self.stalled {
            call(self.live + 1, r#""method":"endless","stream":[64,262144]"#);
        }
    }
}

impl Script for Beside {
    fn subprotocol(&self) -> Option<&'static str> {
        Some("birpc.v1")
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        if !std::mem::replace(&mut self.opened, true) {
            self.open(turn);
        }
        if turn.tally.take(1) {
            self.exchange.write(self.next, turn.out);
            self.sent.push_back((self.next, turn.now));
            self.next += 1;
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        if message.starts_with(br#"{"jsonrpc":"2.0","method":"rpc.item","params":["#) {
            turn.tally.hear();
            return Ok(());
        }
        let id = self.exchange.id_of(message)?;
        let place = self.sent.iter().position(|(sent, _)| *sent == id);
        let (_, sent) = place
            .and_then(|place| self.sent.remove(place))
            .ok_or_else(|| format!("a call was answered that is not in flight: {}", shown(message)))?;
        turn.tally.end(1, sent, turn.now);
        Ok(())
    }
}
