//! The end of a connection: the codes that may be sent, the reason why it ended, and the states of its life.

use std::fmt;

use thiserror::Error;

use crate::excerpt::excerpt;

/// A close code that may go over the wire (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: normal closure, asked for by the application.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is shutting down, or the client is leaving.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: a violation of the WebSocket protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: a kind of data that the endpoint does not accept.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: invalid UTF-8, or too many messages that are not JSON.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a violation of a policy.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message that exceeds the limit.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: an internal error of the endpoint that closes.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later. birpc also sends it to a peer that reads too slowly.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Accepts codes that may be sent: 1000–1003, 1007–1014 and 3000–4999. The other registered codes (RFC
    /// 6455 §11.7), 1004, 1005, 1006 and 1015, must not be sent.
    ///
    /// # Errors
    /// [`InvalidClose::Code`] for any other number.
    pub const fn new(code: u16) -> Result<Self, InvalidClose> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(InvalidClose::Code(code)),
        }
    }

    /// The code as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidClose;

    fn try_from(code: u16) -> Result<Self, InvalidClose> {
        Self::new(code)
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

/// A close code as an argument: a number, which is checked, or a [`CloseCode`].
///
/// It is not `TryInto<CloseCode>`: with that, the compiler would infer `i32` for the `1000` in
/// `peer.close(1000, "done")`.
pub trait IntoCloseCode: sealed::Sealed {
    /// Converts the value into a code.
    ///
    /// # Errors
    /// [`InvalidClose::Code`] for a number that must not be sent.
    fn into_close_code(self) -> Result<CloseCode, InvalidClose>;
}

impl IntoCloseCode for u16 {
    fn into_close_code(self) -> Result<CloseCode, InvalidClose> {
        CloseCode::new(self)
    }
}

impl IntoCloseCode for CloseCode {
    fn into_close_code(self) -> Result<CloseCode, InvalidClose> {
        Ok(self)
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for u16 {}
    impl Sealed for super::CloseCode {}
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a close frame cannot be sent. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidClose {
    /// RFC 6455 §7.4 does not allow this code to be sent.
    #[error("close code {0} may not be sent; use 1000-1003, 1007-1014 or 3000-4999")]
    Code(u16),
    /// A control frame holds 125 bytes, two of which are the code (RFC 6455 §5.5).
    #[error("the close reason has {0} bytes of UTF-8; at most 123 fit")]
    ReasonTooLong(usize),
}

/// A control frame holds 125 bytes, two of which are the code (RFC 6455 §5.5).
const MAX_REASON: usize = 123;

/// The code and reason of a close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    pub(crate) code: CloseCode,
    pub(crate) reason: String,
}

impl CloseFrame {
    /// Creates a close frame.
    ///
    /// # Errors
    /// [`InvalidClose`] if the code or the reason cannot be sent.
    pub fn new(code: impl IntoCloseCode, reason: &str) -> Result<Self, InvalidClose> {
        let code = code.into_close_code()?;
        if reason.len() > MAX_REASON {
            return Err(InvalidClose::ReasonTooLong(reason.len()));
        }
        Ok(Self { code, reason: reason.to_owned() })
    }

    /// Creates a close frame, and cuts the reason if it is too long.
    #[must_use]
    pub fn cut(code: CloseCode, reason: &str) -> Self {
        let end = (0..=MAX_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        Self { code, reason: reason[..end.unwrap_or(0)].to_owned() }
    }

    /// The close frame for a peer that reads too slowly. The peer has broken no rule and may only have been
    /// paused, so the code is one after which a client reconnects.
    pub(crate) fn too_slow() -> Self {
        Self::cut(CloseCode::TRY_AGAIN_LATER, "the peer reads too slowly")
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason, at most 123 bytes.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Who started the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Initiator {
    /// This side: the application, or birpc because of something that the peer did.
    Local,
    /// The peer, with a close frame.
    Remote,
    /// Neither: the connection was reset or cut, or the peer fell silent.
    Network,
}

/// The state of a connection, like `readyState` of the browser's WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// A client that reconnects has no connection and tries to open one. Only handles of such clients are
    /// ever in this state: other handles exist only after the opening handshake.
    Connecting,
    /// The connection is up: calls can be made.
    Open,
    /// A close was requested on this side or by the peer, and the closing handshake is in progress.
    Closing,
    /// The connection has ended.
    Closed,
}

/// Why a connection ended. This is a value and not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReason {
    /// The close code. 1005 means that the peer's close frame had none, 1006 that there was no close frame.
    pub code: u16,
    /// The reason in the close frame, unchanged, or a description of what happened. The peer may have written
    /// anything into it; `Display` escapes it.
    pub reason: String,
    /// Who started the end.
    pub initiator: Initiator,
    /// Whether both sides sent close frames.
    pub clean: bool,
}

impl CloseReason {
    /// Creates a reason like those that connections report, for tests of code that takes one. It is clean
    /// unless `initiator` is the network.
    ///
    /// ```
    /// use birpc_core::{CloseReason, Initiator};
    ///
    /// let reason = CloseReason::new(1006, "connection reset by the peer", Initiator::Network);
    /// assert!(!reason.clean);
    /// assert_eq!(reason.to_string(), "lost with 1006: connection reset by the peer");
    /// ```
    #[must_use]
    pub fn new(code: u16, reason: impl Into<String>, initiator: Initiator) -> Self {
        Self { code, reason: reason.into(), initiator, clean: initiator != Initiator::Network }
    }

    pub(crate) fn local(frame: &CloseFrame) -> Self {
        Self {
            code: frame.code.get(),
            reason: frame.reason.clone(),
            initiator: Initiator::Local,
            clean: false,
        }
    }

    pub(crate) fn lost(reason: impl Into<String>) -> Self {
        Self { code: 1006, reason: reason.into(), initiator: Initiator::Network, clean: false }
    }

    pub(crate) fn remote(code: u16, reason: String) -> Self {
        Self { code, reason, initiator: Initiator::Remote, clean: true }
    }
}

/// The number of characters of a reason that are shown; a close frame holds fewer.
const MAX_SHOWN: usize = 200;

/// Prints one line. Characters of the peer's text that could change how the line is displayed are escaped.
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.initiator {
            Initiator::Local => "closed by this side",
            Initiator::Remote => "closed by the peer",
            Initiator::Network => "lost",
        };
        write!(f, "{who} with {}", self.code)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", excerpt(&self.reason, MAX_SHOWN)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_sent_is_a_close_code() {
        let sendable = |code: &u16| CloseCode::new(*code).is_ok();
        let refused = [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535];
        assert!(!refused.iter().any(sendable));
        let allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];
        assert!(allowed.iter().all(sendable));
    }

    #[test]
    fn a_close_takes_numbers_and_codes() {
        assert_eq!(CloseFrame::new(1000, "done"), CloseFrame::new(CloseCode::NORMAL, "done"));
        assert_eq!(CloseFrame::new(1005, ""), Err(InvalidClose::Code(1005)));
        assert_eq!(CloseCode::try_from(4000).map(u16::from), Ok(4000));
        assert!(CloseCode::GOING_AWAY == 1001);
    }

    #[test]
    fn a_peers_reason_stays_in_its_line() {
        let reason = CloseReason::remote(4000, "bye\n2026 ERROR \u{1b}[31mfake\u{202e}".into());
        let shown = "closed by the peer with 4000: bye 2026 ERROR \\u{1b}[31mfake\\u{202e}";
        assert_eq!(reason.to_string(), shown);
    }

    #[test]
    fn a_reason_fits_a_control_frame() {
        assert!(CloseFrame::new(1000, &"x".repeat(123)).is_ok());
        assert_eq!(CloseFrame::new(1000, &"é".repeat(62)), Err(InvalidClose::ReasonTooLong(124)));
        assert_eq!(CloseFrame::cut(CloseCode::NORMAL, &"é".repeat(62)).reason(), "é".repeat(61));
    }
}
