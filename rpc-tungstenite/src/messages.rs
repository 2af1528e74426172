//! Converts the transport's frames to tungstenite's messages and back, and tungstenite's errors to ours.

use std::io;

use birpc_core::transport::{Frame, TransportError};
use birpc_core::{CloseCode, CloseFrame};
use bytes::Bytes;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame as WireClose;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WireFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A text or binary message in frames of at most `largest` bytes (RFC 6455 §5.4).
pub(crate) fn fragments(frame: Frame, largest: usize) -> Result<Vec<Message>, TransportError> {
    let (mut opcode, mut rest) = match frame {
        Frame::Text(bytes) => (Data::Text, checked(bytes)?),
        Frame::Binary(bytes) => (Data::Binary, bytes),
        other => return Ok(vec![message_of(other)?]),
    };
    let mut messages = Vec::with_capacity(rest.len() / largest + 1);
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(largest));
        messages.push(Message::Frame(WireFrame::message(piece, OpCode::Data(opcode), rest.is_empty())));
        opcode = Data::Continue;
    }
    Ok(messages)
}

pub(crate) fn frame_of(message: Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(None) => Frame::Close(None),
        Message::Close(Some(close)) => Frame::closing(close.code.into(), close.reason.as_str()),
        // tungstenite returns raw frames only if asked to.
        Message::Frame(_) => return None,
    })
}

/// The message for a frame. Text is sent as a raw frame, which needs no UTF-8 type of tungstenite's. A close
/// frame is a message of its own kind, since it changes the socket's state.
pub(crate) fn message_of(frame: Frame) -> Result<Message, TransportError> {
    Ok(Message::Frame(match frame {
        Frame::Text(bytes) => WireFrame::message(checked(bytes)?, OpCode::Data(Data::Text), true),
        Frame::Binary(bytes) => WireFrame::message(bytes, OpCode::Data(Data::Binary), true),
        Frame::Ping(bytes) => WireFrame::ping(bytes),
        Frame::Pong(bytes) => WireFrame::pong(bytes),
        Frame::Close(Some(frame)) => {
            let (code, reason) = (frame.code().get().into(), frame.reason().into());
            return Ok(Message::Close(Some(WireClose { code, reason })));
        }
        Frame::Close(None) | Frame::UnknownClose(..) => return Ok(Message::Close(None)),
        _ => return Err(violation(CloseCode::INTERNAL, "a frame of an unknown kind cannot be sent")),
    }))
}

fn checked(text: Bytes) -> Result<Bytes, TransportError> {
    match std::str::from_utf8(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(violation(CloseCode::INTERNAL, "text to send is not UTF-8")),
    }
}

/// tungstenite sends nothing on an error, so the error says with which code to close.
pub(crate) fn transport_error(error: Error) -> TransportError {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let why = format!("a message of at least {size} bytes; the socket's limit is {max_size}");
            violation(CloseCode::TOO_BIG, &why)
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            TransportError::Lost("the peer ended the connection without a close frame".into())
        }
        Error::Protocol(error) => violation(CloseCode::PROTOCOL, &error.to_string()),
        Error::Utf8(_) => violation(CloseCode::INVALID_DATA, "text that is not UTF-8"),
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            TransportError::Lost("connection reset by the peer".into())
        }
        Error::Io(error) => TransportError::Lost(error.to_string()),
        other => TransportError::Lost(other.to_string()),
    }
}

pub(crate) fn violation(code: CloseCode, why: &str) -> TransportError {
    TransportError::Violation(CloseFrame::cut(code, why))
}
