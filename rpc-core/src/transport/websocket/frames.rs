//! Converts the transport's frames to tungstenite's messages and back, and tungstenite's errors to ours.

use std::io;

use bytes::Bytes;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::CloseFrame as WireClose;
use tungstenite::protocol::frame::Frame as WireFrame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, Message};

use crate::close::{CloseCode, CloseFrame};
use crate::transport::scanner::TooManyFragments;
use crate::transport::{Frame, TransportError};

/// Larger messages are sent in fragments of this size, each after the previous one is on the wire, so that
/// pings can pass between them.
pub(super) const LARGEST_FRAME: usize = 1 << 20;

/// A message in frames of [`LARGEST_FRAME`] (RFC 6455 §5.4).
pub(super) fn fragments(frame: Frame) -> Result<Vec<Message>, TransportError> {
    let (mut opcode, mut rest) = match frame {
        Frame::Text(bytes) => (Data::Text, checked(bytes)?),
        Frame::Binary(bytes) => (Data::Binary, bytes),
        other => return Ok(vec![message_of(other)?]),
    };
    let mut messages = Vec::with_capacity(rest.len() / LARGEST_FRAME + 1);
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(LARGEST_FRAME));
        messages.push(Message::Frame(WireFrame::message(piece, OpCode::Data(opcode), rest.is_empty())));
        opcode = Data::Continue;
    }
    Ok(messages)
}

pub(super) fn frame_of(message: Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(None) => Frame::Close(None),
        Message::Close(Some(close)) => {
            let (code, reason) = (u16::from(close.code), close.reason.as_str());
            match CloseFrame::new(code, reason) {
                Ok(frame) => Frame::Close(Some(frame)),
                Err(_) => Frame::UnknownClose(code, reason.to_owned()),
            }
        }
        // tungstenite returns raw frames only if asked to.
        Message::Frame(_) => return None,
    })
}

/// The message for a frame. A close frame is a message of its own kind, since it changes the codec's state.
pub(super) fn message_of(frame: Frame) -> Result<Message, TransportError> {
    let close = |code: CloseCode, reason: &str| WireClose { code: code.get().into(), reason: reason.into() };
    Ok(Message::Frame(match frame {
        Frame::Text(bytes) => WireFrame::message(checked(bytes)?, OpCode::Data(Data::Text), true),
        Frame::Binary(bytes) => WireFrame::message(bytes, OpCode::Data(Data::Binary), true),
        Frame::Ping(bytes) => WireFrame::ping(bytes),
        Frame::Pong(bytes) => WireFrame::pong(bytes),
        Frame::Close(Some(frame)) => return Ok(Message::Close(Some(close(frame.code, &frame.reason)))),
        Frame::Close(None) | Frame::UnknownClose(..) => return Ok(Message::Close(None)),
    }))
}

fn checked(text: Bytes) -> Result<Bytes, TransportError> {
    // Most messages are ASCII, for which the check is faster.
    if text.is_ascii() || std::str::from_utf8(&text).is_ok() {
        return Ok(text);
    }
    Err(violation(CloseCode::INTERNAL, "text to send is not UTF-8"))
}

/// tungstenite sends nothing on an error, so the error says with which code to close.
pub(super) fn transport_error(error: Error) -> TransportError {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let why =
                format!("a message of at least {size} bytes; the limit is {max_size} (`max_message_in`)");
            violation(CloseCode::TOO_BIG, &why)
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            TransportError::Lost("the peer ended the connection without a close frame".into())
        }
        Error::Protocol(error) => violation(CloseCode::PROTOCOL, &error.to_string()),
        Error::Utf8(_) => violation(CloseCode::INVALID_DATA, "text that is not UTF-8"),
        Error::Io(error) => {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<TooManyFragments>()) {
                Some(flood) => violation(CloseCode::POLICY, &flood.to_string()),
                None => TransportError::Lost(lost(&error)),
            }
        }
        other => TransportError::Lost(other.to_string()),
    }
}

fn violation(code: CloseCode, why: &str) -> TransportError {
    TransportError::Violation(CloseFrame::cut(code, why))
}

fn lost(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset => "connection reset by the peer".into(),
        // Reported by TLS: the TCP connection ended, which anyone on the path can cause, before TLS was
        // ended.
        io::ErrorKind::UnexpectedEof => {
            "the peer ended the connection without a close frame, and without ending TLS (close_notify)"
                .into()
        }
        _ => error.to_string(),
    }
}
