//! How a connection ends: the codes that may be sent, why it ended, and where it is in its life.

use std::fmt;

use thiserror::Error;

use crate::excerpt::excerpt;

/// A close code that may go over the wire (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the application closed.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is draining, or the client goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: broken WebSocket protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: a kind of data that is not accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: bad UTF-8, or too much that is not JSON.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: policy: the peer broke a rule.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message over the limit.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: an error of this side's own.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later; also a peer that reads too slowly.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Takes what may be sent: 1000–1003, 1007–1014 and 3000–4999. The registry (RFC 6455 §11.7) holds
    /// no other code that an endpoint may send; 1004, 1005, 1006 and 1015 are reserved.
    ///
    /// # Errors
    /// [`InvalidClose::Code`] for every other number.
    pub const fn new(code: u16) -> Result<Self, InvalidClose> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(InvalidClose::Code(code)),
        }
    }

    /// The number.
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

/// What a close takes for its code: a number, which is checked, or a [`CloseCode`], which has been.
///
/// It is not `TryInto<CloseCode>`, with which the compiler would take the `1000` of `peer.close(1000,
/// "done")` for an `i32`.
pub trait IntoCloseCode: sealed::Sealed {
    /// The code.
    ///
    /// # Errors
    /// [`InvalidClose::Code`] for a number that may not be sent.
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

/// A close that cannot be sent; nothing was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidClose {
    /// RFC 6455 §7.4 lets nobody send this code.
    #[error("close code {0} may not be sent; use 1000-1003, 1007-1014 or 3000-4999")]
    Code(u16),
    /// A control frame holds 125 bytes, of which the code takes two (RFC 6455 §5.5).
    #[error("the close reason has {0} bytes of UTF-8; at most 123 fit")]
    ReasonTooLong(usize),
}

/// A control frame holds 125 bytes, of which the code takes two (RFC 6455 §5.5).
const MAX_REASON: usize = 123;

/// The body of a close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    pub(crate) code: CloseCode,
    pub(crate) reason: String,
}

impl CloseFrame {
    /// Checks both parts.
    ///
    /// # Errors
    /// [`InvalidClose`] says which of them cannot be sent.
    pub fn new(code: impl IntoCloseCode, reason: &str) -> Result<Self, InvalidClose> {
        let code = code.into_close_code()?;
        if reason.len() > MAX_REASON {
            return Err(InvalidClose::ReasonTooLong(reason.len()));
        }
        Ok(Self { code, reason: reason.to_owned() })
    }

    /// A frame whose reason is cut where it does not fit: for a text that says what happened.
    #[must_use]
    pub fn cut(code: CloseCode, reason: &str) -> Self {
        let end = (0..=MAX_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        Self { code, reason: reason[..end.unwrap_or(0)].to_owned() }
    }

    /// To a peer that reads too slowly. It has broken no rule, so the code is one after which a client
    /// connects again: it may only have been paused.
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

/// Who began the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Initiator {
    /// This side: the application, or birpc because of what the peer did.
    Local,
    /// The peer, with a close frame.
    Remote,
    /// Neither: the connection was reset, cut, or went silent.
    Network,
}

/// Where a connection is in its life: `readyState` of the browser's WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// A client that reconnects has no connection, and tries to get one. No other handle shows it: there are
    /// handles only after the opening handshake.
    Connecting,
    /// Calls go both ways.
    Open,
    /// A close was asked for, or has come, and the closing handshake goes on.
    Closing,
    /// It has ended.
    Closed,
}

/// Why a connection ended: a value, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReason {
    /// The close code. 1005: the peer's close frame had none. 1006: there was no close frame.
    pub code: u16,
    /// The close frame's text as it came, or what happened to the connection. The peer may have written
    /// anything: `Display` escapes it.
    pub reason: String,
    /// Who began it.
    pub initiator: Initiator,
    /// Whether both sides exchanged close frames.
    pub clean: bool,
}

impl CloseReason {
    /// A reason as a connection would give it, for tests of what takes one. It is clean, unless the network
    /// ended the connection.
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

/// Characters of a reason that are shown: more than a close frame holds.
const MAX_SHOWN: usize = 200;

/// One line; what the peer has written is escaped where it could change how the line is shown.
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
