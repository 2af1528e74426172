//! The server's side of the chat.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use birpc::{Context, Peer, Peers};

use crate::{Chat, ChatError, UserClient};

/// The one room of the server.
pub struct Room {
    peers: Peers,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: BTreeSet<String>,
    lines: Vec<String>,
}

/// The name of a connection's user. The connection keeps it.
struct Name(String);

impl Room {
    pub fn new(peers: Peers) -> Self {
        Self { peers, state: Mutex::default() }
    }

    /// Called when a connection has ended.
    pub fn left(&self, peer: &Peer) {
        if let Some(name) = peer.get::<Name>() {
            self.state().names.remove(&name.0);
            self.tell_all("server", &format!("{} left", name.0));
        }
    }

    fn tell_all(&self, name: &str, line: &str) {
        let told = self.peers.broadcast(|user: &UserClient| user.said(name.to_owned(), line.to_owned()));
        if let Err(error) = told {
            eprintln!("a line was not sent: {error}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds this lock")
    }
}

impl Chat for Room {
    async fn join(&self, cx: &Context, name: String) -> Result<Vec<String>, ChatError> {
        if !self.state().names.insert(name.clone()) {
            return Err(ChatError::NameTaken { name });
        }
        self.tell_all("server", &format!("{name} joined"));
        if let Some(former) = cx.peer().insert(Name(name)) {
            self.state().names.remove(&former.0); // the same client, under another name
        }
        Ok(self.state().names.iter().cloned().collect())
    }

    async fn post(&self, cx: &Context, line: String) -> Result<usize, ChatError> {
        let name = cx.get::<Name>().ok_or(ChatError::NotJoined)?;
        if line.chars().count() > 200 {
            return Err(ChatError::TooLong { max: 200 });
        }
        self.tell_all(&name.0, &line);
        let mut state = self.state();
        state.lines.push(line);
        Ok(state.lines.len())
    }

    async fn clear(&self, cx: &Context) -> Result<usize, ChatError> {
        let name = cx.get::<Name>().ok_or(ChatError::NotJoined)?;
        let caller: UserClient = cx.stub();
        let question = format!("delete {} lines?", self.state().lines.len());
        if !caller.confirm(question).await.unwrap_or(false) {
            return Err(ChatError::NotConfirmed);
        }
        let deleted = std::mem::take(&mut self.state().lines).len();
        self.tell_all("server", &format!("{} deleted all lines", name.0));
        Ok(deleted)
    }
}
