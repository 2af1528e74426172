//! Why a command fails, and the exit code that says so.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use birpc::{CallError, CloseReason, ConnectError, ErrorCode, ErrorObject, Initiator, StreamError};

use crate::output;

/// The method has returned an error; a replay differs from its transcript.
const METHOD: u8 = 1;
/// The peer refused the call with one of the framework's errors.
const REFUSED: u8 = 2;
/// There is no connection, or it ended before the answer.
const DISCONNECTED: u8 = 3;
const TIMED_OUT: u8 = 4;
/// The arguments are wrong (EX_USAGE of sysexits.h).
pub(crate) const USAGE: u8 = 64;
/// A file or standard output cannot be used (EX_IOERR).
const IO: u8 = 74;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Why a command fails.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// What goes to standard error; `None` if everything has been said.
    text: Option<String>,
}

impl Failure {
    /// The arguments are wrong. The text says which, and what is right.
    pub(crate) fn usage(text: impl Display) -> Self {
        Self::said(USAGE, text)
    }

    pub(crate) fn disconnected(text: impl Display) -> Self {
        Self::said(DISCONNECTED, text)
    }

    /// A connection that the command needs has ended.
    pub(crate) fn of_end(reason: &CloseReason) -> Self {
        Self::disconnected(format_args!("the connection was {}", ended(reason)))
    }

    /// What the peer has answered cannot be used.
    pub(crate) fn unreadable(text: impl Display) -> Self {
        Self::said(REFUSED, text)
    }

    pub(crate) fn timed_out(text: impl Display) -> Self {
        Self::said(TIMED_OUT, text)
    }

    pub(crate) fn io(what: impl Display, error: &io::Error) -> Self {
        Self::said(IO, format_args!("{what}: {error}"))
    }

    /// A difference that has been shown.
    pub(crate) fn shown() -> Self {
        Self { code: METHOD, text: None }
    }

    /// The end of a command with this exit code, of which nothing has to be said.
    pub(crate) fn silent(code: u8) -> Self {
        Self { code, text: None }
    }

    /// The failure of a call of `method`.
    pub(crate) fn of_call(method: &str, error: CallError) -> Self {
        match error {
            CallError::Method(error) => Self::error(METHOD, &error),
            CallError::Rpc(error) => Self::error(REFUSED, &error),
            CallError::TimedOut => Self::timed_out(format_args!("`{method}` was not answered in time")),
            CallError::Disconnected { reason, sent } => {
                let sent = if sent { "before the answer of" } else { "before it was sent:" };
                Self::disconnected(format_args!("the connection ended {sent} `{method}`: {}", ended(&reason)))
            }
            CallError::Undecodable(why) => {
                Self::disconnected(format_args!("the answer of `{method}` is not JSON-RPC: {why}"))
            }
            CallError::Unsendable(why) => {
                let why = why.to_string().replace("`Limits::max_message_out`", "--max-message");
                Self::usage(format_args!("`{method}` cannot be sent: {why}"))
            }
            other => Self::disconnected(format_args!("`{method}` has failed: {other}")),
        }
    }

    /// The failure of a stream that `method` has returned.
    pub(crate) fn of_stream(method: &str, error: StreamError) -> Self {
        match error {
            StreamError::Method(error) => Self::error(METHOD, &error),
            StreamError::Refused(error) => Self::error(REFUSED, &error),
            StreamError::Lagged { missed } => {
                let text = format!("items of the stream are lost: {missed}");
                Self::error(REFUSED, &ErrorObject::new(ErrorCode::Lagged.number(), text))
            }
            StreamError::Disconnected { reason } => {
                let before = "the connection ended before the end of the stream of";
                Self::disconnected(format_args!("{before} `{method}`: {}", ended(&reason)))
            }
            other => Self::disconnected(format_args!("the stream of `{method}` has failed: {other}")),
        }
    }

    /// The failure to connect.
    pub(crate) fn of_connect(error: &ConnectError) -> Self {
        let code = match error {
            ConnectError::Url { .. } | ConnectError::Header { .. } | ConnectError::Subprotocol(_) => USAGE,
            _ => DISCONNECTED,
        };
        Self::said(code, error)
    }

    /// Adds where it has happened.
    pub(crate) fn about(self, place: impl Display) -> Self {
        let text = self.text.map(|text| format!("{text} ({place})"));
        Self { text, ..self }
    }

    /// Whether the user has pressed Ctrl-C.
    pub(crate) fn is_interrupt(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// Whether nobody reads the output any more, or it cannot be written.
    pub(crate) fn is_end_of_output(&self) -> bool {
        self.code == IO || self.code == 0
    }

    /// Ends the process at once. What has failed is not said, since that may wait too.
    pub(crate) fn exit(self) -> ! {
        std::process::exit(self.code.into())
    }

    /// Says why, and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if let Some(text) = self.text {
            output::note(&text);
        }
        ExitCode::from(self.code)
    }

    /// The text for standard error.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    fn said(code: u8, text: impl Display) -> Self {
        Self { code, text: Some(format!("birpc: {text}")) }
    }

    /// An error of the peer, as JSON on a line.
    fn error(code: u8, error: &ErrorObject) -> Self {
        let json = serde_json::to_string(error).unwrap_or_else(|_| error.to_string());
        Self { code, text: Some(output::on_one_line(&json).into_owned()) }
    }
}

/// The end of a connection, with the option for a limit that has ended it.
fn ended(reason: &CloseReason) -> String {
    let is_too_large = reason.initiator == Initiator::Local && reason.code == 1009;
    if is_too_large { format!("{reason}; --max-message allows more") } else { reason.to_string() }
}
