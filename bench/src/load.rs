//! The load generator: one thread, raw TCP, prepared frames, and a check of every reply.
//!
//! It must never limit a figure, so it does not parse JSON: a request is a copied frame with its id filled
//! in, and a reply is compared byte by byte. In each turn of a connection there is one read and one write.

pub(crate) mod beside;
pub(crate) mod calls;
mod connection;
pub(crate) mod credited;
pub(crate) mod exchange;
mod frame;
pub(crate) mod groups;
pub(crate) mod histogram;
mod input;
pub(crate) mod script;
pub(crate) mod scripts;
pub(crate) mod streams;

use std::{
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token};

use crate::load::{
    connection::Connection,
    script::{Script, Tally},
};

/// After a longer silence a reply counts as missing.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);

/// The size of a read: more than fits into a socket's buffer in one turn of the server.
const READ: usize = 256 << 10;

/// Connections to a server, or to several, with their results so far.
pub(crate) struct Load {
    server: SocketAddr,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    start: Instant,
    pub(crate) tally: Tally,
}

impl Load {
    pub(crate) fn new(server: SocketAddr) -> Result<Self, String> {
        Ok(Self {
            server,
            poll: Poll::new().map_err(|e| format!("the system has no way to wait for sockets: {e}"))?,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            buffer: vec![0; READ].into(),
            start: Instant::now(),
            tally: Tally::default(),
        })
    }

    /// Opens further connections to this server.
    pub(crate) fn turn_to(&mut self, server: SocketAddr) {
        self.server = server;
    }

    /// Opens `count` more connections, one after the other. Returns their indexes.
    pub(crate) fn connect(
        &mut self,
        count: usize,
        mut script: impl FnMut() -> Box<dyn Script>,
    ) -> Result<Range<usize>, String> {
        let first = self.connections.len();
        for index in first..first + count {
            let mut connection = Connection::open(self.server, script())?;
            self.poll
                .registry()
                .register(&mut connection.stream, Token(index), Interest::READABLE | Interest::WRITABLE)
                .map_err(|e| format!("cannot wait for connection {index}: {e}"))?;
            self.connections.push(connection);
        }
        Ok(first..first + count)
    }

    /// Lets these connections send their first messages.
    pub(crate) fn begin(&mut self, which: Range<usize>) -> Result<(), String> {
        for index in which {
            self.connections[index].begin(nanoseconds(self.start), &mut self.tally)?;
        }
        Ok(())
    }

    /// Serves all connections until `enough` returns true; it is called after each look at the sockets.
    pub(crate) fn run(&mut self, mut enough: impl FnMut(&Tally) -> bool) -> Result<(), String> {
        let mut last = Instant::now();
        while !enough(&self.tally) {
            if self.turn(Duration::from_millis(100))? {
                last = Instant::now();
            } else if last.elapsed() > SILENCE_LIMIT {
                return Err(format!(
                    "nothing came for {} s, and replies are missing",
                    SILENCE_LIMIT.as_secs()
                ));
            }
        }
        Ok(())
    }

    /// Runs for this duration.
    pub(crate) fn run_for(&mut self, duration: Duration) -> Result<(), String> {
        let end = Instant::now() + duration;
        self.run(|_| Instant::now() >= end)
    }

    /// Runs for this duration, and lets these connections begin again and again meanwhile.
    pub(crate) fn pace(
        &mut self,
        which: Range<usize>,
        every: Duration,
        duration: Duration,
    ) -> Result<(), String> {
        let (end, mut next) = (Instant::now() + duration, Instant::now());
        while Instant::now() < end {
            match next.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => drop(self.turn(left)?),
                _ => {
                    self.begin(which.clone())?;
                    next += every;
                }
            }
        }
        Ok(())
    }

    /// Starts no more calls, and waits for those in flight.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        self.tally.allow(0);
        self.run(Tally::at_rest)
    }

    /// Answers pings for this duration; no other messages should arrive.
    pub(crate) fn rest(&mut self, duration: Duration) -> Result<(), String> {
        let end = Instant::now() + duration;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(left)?;
        }
        Ok(())
    }

    /// Serves each connection that can be read or written; false if none could within the time limit.
    fn turn(&mut self, limit: Duration) -> Result<bool, String> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(e) if e.kind() != std::io::ErrorKind::Interrupted => {
                return Err(format!("cannot wait for sockets: {e}"));
            }
            _ => {}
        }
        for event in &self.events {
            let index = event.token().0;
            let now = nanoseconds(self.start);
            self.connections[index]
                .turn(&mut self.buffer, now, &mut self.tally)
                .map_err(|why| format!("connection {index} of {}: {why}", self.connections.len()))?;
        }
        Ok(!self.events.is_empty())
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
