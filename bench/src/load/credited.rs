//! Scripts with notifications that wait for credit, under `birpc.v1`.

use std::rc::Rc;

use crate::load::{
    exchange::{Exchange, FIRST_ID, shown},
    script::{Script, Turn},
    streams::{GROUP, SUBPROTOCOL, Totals, write},
};

/// Notifies the server, as its credit allows, and calls it behind so many.
pub(crate) struct Credited {
    notification: String,
    exchange: Rc<Exchange>,
    count: u64,
    /// Of the last `count`, how many have not been sent.
    left: u64,
    sent: Totals,
    granted: Totals,
    began: u64,
}

impl Credited {
    pub(crate) fn new(notification: &str, count: u64, exchange: &Rc<Exchange>) -> Self {
        // What `birpc.v1` grants from the beginning.
        let granted = Totals { items: 1024, bytes: 1 << 20 };
        let (notification, exchange) = (notification.into(), exchange.clone());
        Self { notification, exchange, count, left: 0, sent: Totals::default(), granted, began: 0 }
    }

    fn send(&mut self, turn: &mut Turn<'_>) {
        let length = self.notification.len() as u64;
        while self.left > 0 {
            let group = GROUP.min(self.left);
            let bytes = group * length;
            if self.sent.items + group > self.granted.items || self.sent.bytes + bytes > self.granted.bytes {
                return;
            }
            (0..group).for_each(|_| write(&self.notification, turn));
            self.left -= group;
            self.sent.items += group;
            self.sent.bytes += bytes;
            if self.left == 0 {
                self.exchange.write(FIRST_ID, turn.out);
            }
        }
    }
}

impl Script for Credited {
    fn subprotocol(&self) -> Option<&'static str> {
        SUBPROTOCOL
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        if turn.tally.take(self.count) {
            (self.left, self.began) = (self.count, turn.now);
            self.send(turn);
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let allow = br#"{"jsonrpc":"2.0","method":"rpc.allow","params":["#;
        if let Some(total) = message.strip_prefix(&allow[..]).and_then(Totals::read) {
            self.granted = total;
            self.send(turn);
            return Ok(());
        }
        self.exchange.id_of(message)?;
        turn.tally.end(self.count, self.began, turn.now);
        self.begin(turn);
        Ok(())
    }
}

/// Asks the server for notifications, with 0, 1, 2, …
pub(crate) struct Shouts {
    count: u64,
    got: u64,
    /// Of all calls of the connection.
    heard: u64,
    began: u64,
}

impl Shouts {
    pub(crate) fn new(count: u64) -> Self {
        Self { count, got: 0, heard: 0, began: 0 }
    }
}

/// The name of a notification that makes it as long as an item's message would be.
const SHOUTED: &str = "said";

impl Script for Shouts {
    fn subprotocol(&self) -> Option<&'static str> {
        SUBPROTOCOL
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        if turn.tally.take(self.count) {
            (self.got, self.began) = (0, turn.now);
            let count = self.count;
            let params = format!(r#"["{SHOUTED}",{count}]"#);
            write(
                &format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"shout","params":{params}}}"#),
                turn,
            );
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let said = format!(r#"{{"jsonrpc":"2.0","method":"{SHOUTED}","params":[{}]}}"#, self.got);
        if message == said.as_bytes() {
            self.got += 1;
            self.heard += 1;
            if self.heard.is_multiple_of(512) {
                let total = self.heard + 1024;
                let allow =
                    format!(r#"{{"jsonrpc":"2.0","method":"rpc.allow","params":[{total},{}]}}"#, 1_u64 << 40);
                write(&allow, turn);
            }
            return Ok(());
        }
        let reply = format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"result":{}}}"#, self.count);
        if message != reply.as_bytes() || self.got != self.count {
            return Err(format!("behind {} notifications there came {}", self.got, shown(message)));
        }
        turn.tally.end(self.count, self.began, turn.now);
        self.begin(turn);
        Ok(())
    }
}
