//! Members of groups, and a peer that is called through its server.

use std::{cell::OnceCell, rc::Rc};

use crate::load::{
    calls::{Calls, Pace},
    exchange::{Exchange, shown},
    frame,
    script::{Script, Turn},
};

/// Joins a group the first time that it begins. Then it expects notifications, byte for byte; it may also
/// send them, one each time that it begins.
pub(crate) struct Member {
    joining: Calls,
    has_joined: bool,
    notification: Rc<[u8]>,
    sending: Option<Calls>,
}

impl Member {
    pub(crate) fn new(join: &Rc<Exchange>, notification: &Rc<[u8]>, sending: Option<Calls>) -> Self {
        let joining = Calls::new(join, 1, Pace::Lockstep);
        Self { joining, has_joined: false, notification: notification.clone(), sending }
    }
}

impl Script for Member {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        if !self.has_joined {
            self.joining.begin(turn);
        } else if let Some(sending) = &mut self.sending {
            sending.begin(turn);
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        if message == &*self.notification {
            turn.tally.hear();
            return Ok(());
        }
        if !self.has_joined {
            self.has_joined = true;
            return self.joining.hear(message, turn);
        }
        match &mut self.sending {
            Some(sending) => sending.hear(message, turn),
            None => Err(format!("instead of the notification there came {}", shown(message))),
        }
    }
}

/// Asks for its global id, and answers calls of one kind.
pub(crate) struct Callee {
    pub(crate) id: Rc<OnceCell<String>>,
    /// A request up to its id, which is its last member.
    pub(crate) asked: &'static str,
    /// The result of it.
    pub(crate) result: &'static str,
}

impl Script for Callee {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        frame::write(frame::TEXT, br#"{"jsonrpc":"2.0","id":1,"method":"id"}"#, turn.out);
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        if let Some(id) = between(message, self.asked, "}") {
            let reply = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, self.result);
            frame::write(frame::TEXT, reply.as_bytes(), turn.out);
            return Ok(());
        }
        let id = between(message, r#"{"jsonrpc":"2.0","id":1,"result":""#, "\"}");
        let id = id.ok_or_else(|| format!("instead of an id or a call there came {}", shown(message)))?;
        self.id.set(id.to_owned()).map_err(|_| "its id came twice")?;
        turn.tally.hear();
        Ok(())
    }
}

fn between<'a>(message: &'a [u8], before: &str, after: &str) -> Option<&'a str> {
    let inner = message.strip_prefix(before.as_bytes())?.strip_suffix(after.as_bytes())?;
    str::from_utf8(inner).ok()
}
