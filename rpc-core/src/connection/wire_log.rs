//! The wire log: each frame as one short line at TRACE, target `birpc::wire`, without secrets.

use tracing::Level;

use crate::redact::{Direction, Redactor, redacted};
use crate::transport::Frame;

/// The number of characters of a message that are logged.
const MAX_LINE: usize = 1024;

/// The state of a connection's wire log. It is empty until, while the log is enabled, a request passes whose
/// result or arguments are marked as sensitive.
#[derive(Default)]
pub(super) struct WireLog {
    redactor: Redactor,
}

impl WireLog {
    #[inline(always)] // nothing but the look whether it is on, for each message
    pub(super) fn frame(&mut self, connection: u64, direction: Direction, frame: &Frame) {
        if is_on() {
            self.log(connection, direction, frame);
        }
    }

    #[cold]
    fn log(&mut self, connection: u64, direction: Direction, frame: &Frame) {
        let mut message = |text: &[u8]| self.redactor.show(direction, text, MAX_LINE).unwrap_or_default();
        let (kind, bytes, shown) = match frame {
            Frame::Text(text) => ("text", text.len(), message(text)),
            Frame::Binary(text) => ("binary", text.len(), message(text)),
            Frame::Ping(payload) => ("ping", payload.len(), String::new()),
            Frame::Pong(payload) => ("pong", payload.len(), String::new()),
            Frame::Close(None) => ("close", 0, String::new()),
            Frame::Close(Some(close)) => {
                let reason = redacted(close.reason(), MAX_LINE, Vec::new());
                ("close", close.reason().len(), format!("{} {reason}", close.code()))
            }
            Frame::UnknownClose(code, reason) => {
                ("close", reason.len(), format!("{code} {}", redacted(reason, MAX_LINE, Vec::new())))
            }
        };
        let direction = match direction {
            Direction::Received => "received",
            Direction::Sent => "sent",
        };
        tracing::trace!(target: "birpc::wire", connection, direction, kind, bytes, "{shown}");
    }
}

#[inline(always)]
fn is_on() -> bool {
    tracing::enabled!(target: "birpc::wire", Level::TRACE)
}
