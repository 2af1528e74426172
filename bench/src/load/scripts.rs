//! The other scripts: notifications, calls by the server, and connections that only listen.

use std::rc::Rc;

use crate::load::{
    calls::Calls,
    exchange::{Exchange, FIRST_ID, shown},
    frame,
    script::{Script, Turn},
};

/// Sends nothing, and expects only pings.
pub(crate) struct Idle;

impl Script for Idle {
    fn begin(&mut self, _: &mut Turn<'_>) {}

    fn hear(&mut self, message: &[u8], _: &mut Turn<'_>) -> Result<(), String> {
        Err(format!("an idle connection was sent {}", shown(message)))
    }
}

/// Makes calls that stay pending longer than the run.
pub(crate) struct Pending {
    pub(crate) calls: usize,
    pub(crate) exchange: Rc<Exchange>,
}

impl Script for Pending {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        for id in 0..self.calls {
            self.exchange.write(FIRST_ID + id as u64, turn.out);
        }
    }

    fn hear(&mut self, message: &[u8], _: &mut Turn<'_>) -> Result<(), String> {
        Err(format!("a call that should be pending was answered: {}", shown(message)))
    }
}

/// Sends notifications, and then a call whose reply shows that the server has handled all of them.
pub(crate) struct Notifications {
    count: u64,
    frames: Vec<u8>,
    exchange: Rc<Exchange>,
    sent: u64,
}

impl Notifications {
    /// Sends `count` notifications at a time; `text` is one of them.
    pub(crate) fn new(count: u64, text: &str, exchange: &Rc<Exchange>) -> Self {
        let mut frames = Vec::new();
        (0..count).for_each(|_| frame::write(frame::TEXT, text.as_bytes(), &mut frames));
        Self { count, frames, exchange: exchange.clone(), sent: 0 }
    }
}

impl Script for Notifications {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        if turn.tally.take(self.count) {
            turn.out.extend(&self.frames);
            self.exchange.write(FIRST_ID, turn.out);
            self.sent = turn.now;
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        self.exchange.id_of(message)?;
        turn.tally.end(self.count, self.sent, turn.now);
        self.begin(turn);
        Ok(())
    }
}

/// Calls a method that calls its caller back, and answers that call.
pub(crate) struct Relays {
    pub(crate) calls: Calls,
    /// The server's request up to its id, which is its last member.
    pub(crate) asked: Rc<[u8]>,
    /// The result for that call.
    pub(crate) result: &'static str,
}

impl Script for Relays {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        self.calls.begin(turn);
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let Some(id) = message.strip_prefix(&self.asked[..]).and_then(|rest| rest.strip_suffix(b"}")) else {
            return self.calls.hear(message, turn);
        };
        let reply =
            [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":"#, self.result.as_bytes(), b"}"].concat();
        frame::write(frame::TEXT, &reply, turn.out);
        Ok(())
    }
}

/// Expects broadcasts, byte for byte. One of the connections also requests them.
pub(crate) struct Audience {
    pub(crate) broadcast: Rc<[u8]>,
    pub(crate) caller: Option<Calls>,
}

impl Script for Audience {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        if let Some(caller) = &mut self.caller {
            caller.begin(turn);
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        if message == &*self.broadcast {
            turn.tally.hear();
            return Ok(());
        }
        match &mut self.caller {
            Some(caller) => caller.hear(message, turn),
            None => Err(format!("instead of the broadcast there came {}", shown(message))),
        }
    }
}
