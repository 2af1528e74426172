//! Logs of the messages of chosen connections, bounded in bytes. Secrets are replaced before a message is
//! kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use birpc_core::__private::crates::inspect::{Direction, Redactor};
use birpc_core::transport::Frame;
use thiserror::Error;
use tokio::sync::Notify;

use crate::clock::now_ms;
use crate::contract::LoggedFrame;

/// The number of logs at one time, over all pages.
pub(crate) const MAX_LOGS: usize = 16;

/// The number of characters of a message that are kept.
const MAX_TEXT: usize = 4096;

/// The size of the messages that wait for a page, in bytes, with [`FRAME_COST`] for each. When exceeded, the
/// oldest are dropped.
const MAX_BYTES: usize = 1 << 20;

/// What a kept frame takes beside its text.
const FRAME_COST: usize = 128;

#[derive(Debug, Error)]
#[error("{MAX_LOGS} logs of messages are open; close one of them first")]
pub(crate) struct TooManyLogs;

/// The open logs.
#[derive(Default)]
pub(crate) struct MessageLogs(RwLock<Vec<Arc<MessageLog>>>);

/// The frames of one connection, until a page takes them.
pub(crate) struct MessageLog {
    connection: u64,
    state: Mutex<State>,
    more: Notify,
}

struct State {
    redactor: Redactor,
    frames: VecDeque<LoggedFrame>,
    bytes: usize,
    missed: u64,
}

impl MessageLogs {
    pub(crate) fn open(&self, connection: u64) -> Result<Arc<MessageLog>, TooManyLogs> {
        let mut logs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if logs.len() >= MAX_LOGS {
            return Err(TooManyLogs);
        }
        let log = Arc::new(MessageLog::new(connection));
        logs.push(log.clone());
        Ok(log)
    }

    pub(crate) fn close(&self, log: &Arc<MessageLog>) {
        let mut logs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        logs.retain(|other| !Arc::ptr_eq(other, log));
    }

    pub(crate) fn frame(&self, connection: u64, direction: Direction, frame: &Frame) {
        let logs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for log in logs.iter().filter(|log| log.connection == connection) {
            log.add(direction, frame);
        }
    }
}

impl MessageLog {
    fn new(connection: u64) -> Self {
        let (redactor, frames) = (Redactor::late(), VecDeque::new());
        let state = Mutex::new(State { redactor, frames, bytes: 0, missed: 0 });
        Self { connection, state, more: Notify::new() }
    }

    fn add(&self, direction: Direction, frame: &Frame) {
        self.state().add(direction, frame);
        self.more.notify_one();
    }

    /// The next frame. One task at a time may wait.
    pub(crate) async fn next(&self) -> LoggedFrame {
        loop {
            if let Some(frame) = self.take() {
                return frame;
            }
            self.more.notified().await;
        }
    }

    /// The next frame, if there is one.
    pub(crate) fn take(&self) -> Option<LoggedFrame> {
        self.state().take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, direction: Direction, frame: &Frame) {
        let (kind, bytes, text) = match frame {
            Frame::Text(text) => ("text", text.len(), self.redactor.show(direction, text, MAX_TEXT)),
            Frame::Binary(text) => ("binary", text.len(), self.redactor.show(direction, text, MAX_TEXT)),
            Frame::Ping(payload) => ("ping", payload.len(), Some(String::new())),
            Frame::Pong(payload) => ("pong", payload.len(), Some(String::new())),
            Frame::Close(None) => ("close", 0, Some(String::new())),
            Frame::Close(Some(close)) => {
                ("close", close.reason().len(), Some(shown(close.code(), close.reason())))
            }
            Frame::UnknownClose(code, reason) => ("close", reason.len(), Some(shown(*code, reason))),
            _ => ("other", 0, None),
        };
        let received = direction == Direction::Received;
        self.push(LoggedFrame { at_ms: now_ms(), received, kind: kind.into(), bytes, text, missed: 0 });
    }

    fn push(&mut self, frame: LoggedFrame) {
        self.bytes += size_of(&frame);
        self.frames.push_back(frame);
        while self.bytes > MAX_BYTES
            && let Some(dropped) = self.frames.pop_front()
        {
            self.bytes -= size_of(&dropped);
            self.missed += 1;
        }
    }

    fn take(&mut self) -> Option<LoggedFrame> {
        let mut frame = self.frames.pop_front()?;
        self.bytes -= size_of(&frame);
        frame.missed = std::mem::take(&mut self.missed);
        if self.frames.is_empty() && self.frames.capacity() > 64 {
            self.frames = VecDeque::new();
        }
        Some(frame)
    }
}

fn size_of(frame: &LoggedFrame) -> usize {
    FRAME_COST + frame.text.as_ref().map_or(0, String::len)
}

/// A close code and its reason, which is the peer's and may be anything.
fn shown(code: impl std::fmt::Display, reason: &str) -> String {
    format!("{code} {}", Redactor::show_text(reason, MAX_TEXT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: String) -> Frame {
        Frame::Text(message.into_bytes().into())
    }

    #[test]
    fn a_log_holds_no_more_than_its_bytes_and_says_what_it_has_dropped() {
        let logs = MessageLogs::default();
        let log = logs.open(7).expect("room");
        for id in 0..1000 {
            let params = "x".repeat(10_000);
            let message = format!(r#"{{"jsonrpc":"2.0","method":"echo","params":["{params}"],"id":{id}}}"#);
            logs.frame(7, Direction::Received, &text(message.clone()));
            logs.frame(8, Direction::Received, &text(message));
        }
        let state = log.state();
        assert!(state.bytes <= MAX_BYTES && state.frames.len() < 260, "{}", state.bytes);
        let (kept, missed) = (state.frames.len() as u64, state.missed);
        drop(state);
        let first = log.take().expect("a frame");
        assert_eq!((first.missed, kept + missed, first.bytes > 10_000), (missed, 1000, true));
        assert_eq!(log.take().map(|frame| frame.missed), Some(0));
        logs.close(&log);
        assert!(logs.0.read().expect("unpoisoned").is_empty());
    }

    #[test]
    fn secrets_are_replaced_and_what_is_not_json_rpc_is_not_kept() {
        let logs = MessageLogs::default();
        let log = logs.open(1).expect("room");
        for (message, shown) in [
            (
                r#"[{"jsonrpc":"2.0","method":"a","params":[{"x":{"api_token":["hunter2"]}}]}]"#,
                Some(r#"[{"jsonrpc":"2.0","method":"a","params":[{"x":{"api_token":"<hidden>"}}]}]"#),
            ),
            ("hunter2", None),
            (r#"{"password":"hunter2"}"#, None),
        ] {
            logs.frame(1, Direction::Sent, &text(message.into()));
            let frame = log.take().expect("a frame");
            assert_eq!((frame.text.as_deref(), frame.received), (shown, false));
        }
        logs.frame(1, Direction::Sent, &Frame::Binary((&b"\xffhunter2"[..]).into()));
        assert_eq!(log.take().expect("a frame").text, None);
    }

    #[test]
    fn the_number_of_logs_is_bounded() {
        let logs = MessageLogs::default();
        let open: Vec<_> = (0..MAX_LOGS as u64).map(|connection| logs.open(connection)).collect();
        assert!(open.iter().all(Result::is_ok) && logs.open(1).is_err());
        logs.close(open[0].as_ref().expect("room"));
        assert!(logs.open(1).is_ok());
    }
}
