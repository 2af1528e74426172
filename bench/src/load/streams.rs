//! Scripts with streams, under `birpc.v1`.

use crate::load::{
    exchange::{FIRST_ID, shown},
    frame,
    script::{Script, Turn},
};

pub(super) const SUBPROTOCOL: Option<&str> = Some("birpc.v1");

/// The most that stands in one message, or is sent at once.
pub(super) const GROUP: u64 = 32;

/// The window of a stream that is read here: birpc's default.
const WINDOW: Totals = Totals { items: 64, bytes: 256 << 10 };

/// Running totals of items and of their bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) items: u64,
    pub(super) bytes: u64,
}

impl Totals {
    /// `N,M` and the end of a message.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let (items, bytes) = std::str::from_utf8(text.strip_suffix(b"]}")?).ok()?.split_once(',')?;
        Some(Self { items: items.parse().ok()?, bytes: bytes.parse().ok()? })
    }
}

pub(super) fn write(text: &str, turn: &mut Turn<'_>) {
    frame::write(frame::TEXT, text.as_bytes(), turn.out);
}

/// Sends streams to the server, one after the other, as its credit allows.
pub(crate) struct Pushes {
    /// The text of each item.
    item: String,
    /// How many items a message has.
    together: u64,
    /// The length of a stream.
    items: u64,
    id: u64,
    sent: Totals,
    granted: Totals,
    began: u64,
}

impl Pushes {
    pub(crate) fn new(item: &str, together: u64, items: u64) -> Self {
        let (sent, granted) = Default::default();
        Self { item: item.into(), together, items, id: FIRST_ID, sent, granted, began: 0 }
    }

    /// Sends groups of items while there is credit for whole ones.
    fn push(&mut self, turn: &mut Turn<'_>) {
        let length = self.item.len() as u64;
        while self.sent.items < self.items {
            let group = GROUP.min(self.items - self.sent.items);
            let bytes = group * length;
            if self.sent.items + group > self.granted.items || self.sent.bytes + bytes > self.granted.bytes {
                return;
            }
            let begin = format!(r#"{{"jsonrpc":"2.0","method":"rpc.push","params":[{},1"#, self.id);
            let mut left = group;
            while left > 0 {
                let items = self.together.min(left);
                let mut text = begin.clone();
                (0..items).for_each(|_| {
                    text.push(',');
                    text.push_str(&self.item);
                });
                write(&(text + "]}"), turn);
                left -= items;
            }
            self.sent.items += group;
            self.sent.bytes += bytes;
        }
        // It fails, so that the reply is short.
        let id = self.id;
        let end = r#"{"code":1,"message":"enough"}"#;
        write(&format!(r#"{{"jsonrpc":"2.0","method":"rpc.done","params":[{id},1,{end}]}}"#), turn);
    }
}

impl Script for Pushes {
    fn subprotocol(&self) -> Option<&'static str> {
        SUBPROTOCOL
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        if turn.tally.take(self.items) {
            self.id += 1;
            (self.sent, self.granted, self.began) = (Totals::default(), Totals::default(), turn.now);
            let id = self.id;
            let params = r#"[{"stream":1}]"#;
            write(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"measure","params":{params}}}"#), turn);
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let want = format!(r#"{{"jsonrpc":"2.0","method":"rpc.want","params":[{},1,"#, self.id);
        if let Some(total) = message.strip_prefix(want.as_bytes()).and_then(Totals::read) {
            self.granted = total;
            self.push(turn);
            return Ok(());
        }
        let reply = format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":9,"#, self.id);
        if !message.starts_with(reply.as_bytes()) || self.sent.items < self.items {
            return Err(format!("a stream was answered with {}", shown(message)));
        }
        turn.tally.end(self.items, self.began, turn.now);
        self.begin(turn);
        Ok(())
    }
}

/// What the items of a stream are.
#[derive(Clone)]
pub(crate) enum Items {
    /// Each has this text.
    Same(String),
    /// 0, 1, 2, …
    Numbers,
}

/// Reads streams of the server, one after the other.
pub(crate) struct Pulls {
    items: Items,
    /// The length of a stream.
    length: u64,
    id: u64,
    got: Totals,
    granted: Totals,
    began: u64,
}

impl Pulls {
    pub(crate) fn new(items: Items, length: u64) -> Self {
        let (got, granted) = Default::default();
        Self { items, length, id: FIRST_ID, got, granted, began: 0 }
    }

    /// The number of items in the rest of a message, each behind a comma.
    fn count(&self, mut text: &[u8]) -> Result<u64, String> {
        let mut count = 0;
        while let Some(rest) = text.strip_prefix(b",") {
            let behind = match &self.items {
                Items::Same(item) => rest.strip_prefix(item.as_bytes()),
                Items::Numbers => rest.strip_prefix((self.got.items + count).to_string().as_bytes()),
            };
            text = behind.ok_or_else(|| format!("another item came: {}", shown(rest)))?;
            count += 1;
        }
        if text == b"]}" { Ok(count) } else { Err(format!("items end with {}", shown(text))) }
    }
}

impl Script for Pulls {
    fn subprotocol(&self) -> Option<&'static str> {
        SUBPROTOCOL
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        if turn.tally.take(self.length) {
            self.id += 1;
            (self.got, self.granted, self.began) = (Totals::default(), WINDOW, turn.now);
            let (method, first) = match &self.items {
                Items::Same(item) => ("big", item.len() - 2),
                Items::Numbers => ("count", 0),
            };
            let (id, length, Totals { items, bytes }) = (self.id, self.length, WINDOW);
            let call =
                format!(r#""method":"{method}","params":[{first},{length}],"stream":[{items},{bytes}]"#);
            write(&format!(r#"{{"jsonrpc":"2.0","id":{id},{call}}}"#), turn);
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let item = format!(r#"{{"jsonrpc":"2.0","method":"rpc.item","params":[{}"#, self.id);
        let Some(items) = message.strip_prefix(item.as_bytes()) else {
            let reply = format!(r#"{{"jsonrpc":"2.0","id":{},"result":null}}"#, self.id);
            if message != reply.as_bytes() || self.got.items != self.length {
                return Err(format!("behind {} items there came {}", self.got.items, shown(message)));
            }
            turn.tally.end(self.length, self.began, turn.now);
            self.begin(turn);
            return Ok(());
        };
        let count = self.count(items)?;
        self.got.items += count;
        self.got.bytes += items.len() as u64 - 2 - count;
        let target = Totals { items: self.got.items + WINDOW.items, bytes: self.got.bytes + WINDOW.bytes };
        let is_due = target.items - self.granted.items >= WINDOW.items / 2
            || target.bytes - self.granted.bytes >= WINDOW.bytes / 2;
        if is_due && self.got.items < self.length {
            self.granted = target;
            let (id, Totals { items, bytes }) = (self.id, target);
            write(
                &format!(r#"{{"jsonrpc":"2.0","method":"rpc.more","params":[{id},{items},{bytes}]}}"#),
                turn,
            );
        }
        Ok(())
    }
}

/// Opens a stream that has nothing to give.
pub(crate) struct Open;

impl Script for Open {
    fn subprotocol(&self) -> Option<&'static str> {
        SUBPROTOCOL
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        let call = r#""method":"count","params":[0,1,3600000],"stream":[64,262144]"#;
        write(&format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},{call}}}"#), turn);
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let opened = format!(r#"{{"jsonrpc":"2.0","method":"rpc.item","params":[{FIRST_ID}]}}"#);
        if message != opened.as_bytes() {
            return Err(format!("a stream that has nothing to give gave {}", shown(message)));
        }
        turn.tally.hear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::script::Tally;

    /// What a script says to a message, or at its beginning; a text a frame.
    fn said(script: &mut impl Script, message: Option<&str>, tally: &mut Tally) -> Result<String, String> {
        let mut out = Vec::new();
        let mut turn = Turn { out: &mut out, now: 7, tally };
        match message {
            None => script.begin(&mut turn),
            Some(message) => script.hear(message.as_bytes(), &mut turn)?,
        }
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn items_go_in_whole_groups_within_credit_and_then_the_end() {
        let (mut pushes, mut tally) = (Pushes::new("1", 32, 40), Tally::default());
        tally.allow(40);
        assert!(said(&mut pushes, None, &mut tally).expect("a call").contains("measure"));
        let want = |total: &str| {
            format!(r#"{{"jsonrpc":"2.0","method":"rpc.want","params":[{},1,{total}]}}"#, FIRST_ID + 1)
        };
        assert_eq!(said(&mut pushes, Some(&want("31,1000")), &mut tally), Ok(String::new()));
        assert_eq!(said(&mut pushes, Some(&want("1000,31")), &mut tally), Ok(String::new()));
        let first = said(&mut pushes, Some(&want("32,32")), &mut tally).expect("items");
        assert_eq!((first.matches("rpc.push").count(), first.matches(",1").count()), (1, 33));
        let rest = said(&mut pushes, Some(&want("64,64")), &mut tally).expect("items and the end");
        assert_eq!((rest.matches("rpc.push").count(), rest.matches("rpc.done").count()), (1, 1));
        let reply =
            format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":9,"message":"enough"}}}}"#, FIRST_ID + 1);
        assert_eq!(said(&mut pushes, Some(&reply), &mut tally), Ok(String::new()), "no more are allowed");
        assert!(tally.at_rest());
    }

    #[test]
    fn items_are_compared_and_granted_again_at_half_the_window() {
        let (mut pulls, mut tally) = (Pulls::new(Items::Numbers, 100), Tally::default());
        tally.allow(100);
        assert!(said(&mut pulls, None, &mut tally).expect("a call").contains(r#""stream":[64,262144]"#));
        let id = FIRST_ID + 1;
        let items = |from: u64, to: u64| {
            let items: String = (from..to).map(|number| format!(",{number}")).collect();
            format!(r#"{{"jsonrpc":"2.0","method":"rpc.item","params":[{id}{items}]}}"#)
        };
        assert_eq!(said(&mut pulls, Some(&items(0, 0)), &mut tally), Ok(String::new()));
        assert_eq!(said(&mut pulls, Some(&items(0, 31)), &mut tally), Ok(String::new()));
        let more = said(&mut pulls, Some(&items(31, 32)), &mut tally).expect("a grant");
        assert!(more.contains(&format!(r#""rpc.more","params":[{id},96,"#)), "{more}");
        assert!(said(&mut pulls, Some(&items(33, 34)), &mut tally).is_err(), "one is missing");
    }
}
