//! The room that `server` and `browser` serve.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use birpc::{CloseReason, Context, Peer, PeerId, ServerHandle};

use super::{Chat, ChatError, UserClient};

/// The maximum length of a line, in bytes.
const MAX_LINE: usize = 200;

pub struct Room {
    server: ServerHandle,
    lines: AtomicU64,
    /// The names of the users, by connection.
    names: Mutex<HashMap<PeerId, String>>,
}

impl Room {
    pub fn new(server: ServerHandle) -> Self {
        Self { server, lines: AtomicU64::new(0), names: Mutex::default() }
    }

    fn name(&self, peer: &Peer) -> Result<String, ChatError> {
        let names = self.names.lock().expect("nothing panics under the lock");
        names.get(&peer.id()).cloned().ok_or(ChatError::NotJoined)
    }

    /// Sends a line to everyone. The notification is encoded once.
    fn say(&self, from: &str, line: &str) {
        let said = self.server.peers().broadcast(|user: &UserClient| user.said(from.into(), line.into()));
        println!("server: {from}: {line} (heard by {})", said.unwrap_or(0));
    }

    /// Tells everyone who is in the room.
    fn tell_who_is_present(&self) {
        // Sent under the lock, so that the newest list is the last one.
        let names = self.names.lock().expect("nothing panics under the lock");
        let mut present: Vec<_> = names.values().cloned().collect();
        present.sort_unstable();
        let _ = self.server.peers().broadcast(|user: &UserClient| user.present(present));
    }

    /// Removes a user who has left.
    pub fn left(&self, peer: &Peer, reason: &CloseReason) {
        let name = self.names.lock().expect("nothing panics under the lock").remove(&peer.id());
        if let Some(name) = name {
            self.say("server", &format!("{name} left ({reason})"));
            self.tell_who_is_present();
        }
    }
}

impl Chat for Room {
    async fn join(&self, cx: &Context, name: String) -> Result<Vec<String>, ChatError> {
        let others = {
            let mut names = self.names.lock().expect("nothing panics under the lock");
            // The server says lines under its own name.
            if name == "server" || names.values().any(|taken| *taken == name) {
                return Err(ChatError::NameTaken { name });
            }
            let others = names.values().cloned().collect();
            names.insert(cx.peer().id(), name.clone());
            others
        };
        self.say("server", &format!("{name} is here"));
        self.tell_who_is_present();
        Ok(others)
    }

    async fn post(&self, cx: &Context, line: String) -> Result<u64, ChatError> {
        let name = self.name(&cx.peer())?;
        if line.len() > MAX_LINE {
            return Err(ChatError::TooLong { max: MAX_LINE });
        }
        if line.ends_with('!') {
            let caller: UserClient = cx.stub(); // calls the caller back, mid-call
            if !caller.confirm(format!("really shout {line:?}?")).await.unwrap_or(false) {
                return Err(ChatError::NotConfirmed);
            }
        }
        self.say(&name, &line);
        Ok(self.lines.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn typing(&self, cx: &Context) {
        if let Ok(name) = self.name(&cx.peer()) {
            println!("server: {name} is typing");
            let _ = self.server.peers().broadcast(|user: &UserClient| user.typing(name.clone()));
        }
    }
}
