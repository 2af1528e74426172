//! The foreign peer's end of a connection: raw messages, in memory and over a socket.

use std::future::poll_fn;

use birpc::CloseFrame;
use birpc::transport::{Frame, MemoryTransport, Transport, TransportError};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::tungstenite::protocol::CloseFrame as WireClose;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::script::Message;

/// A frame from birpc.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Close(u16, String),
    /// The stream has ended.
    End,
    /// A frame that must never come, such as a binary message.
    Wrong(String),
}

pub(crate) trait ForeignPeer {
    async fn send(&mut self, message: Message);
    /// Sends a close frame; `None` is one without a code.
    async fn close(&mut self, frame: Option<CloseFrame>);
    async fn recv(&mut self) -> Received;
}

impl ForeignPeer for MemoryTransport {
    // If the other end was dropped, sending fails, which shows later in a missing answer.
    async fn send(&mut self, message: Message) {
        let _ = Transport::send(
            self,
            match message {
                Message::Text(bytes) => Frame::Text(bytes.into()),
                Message::Binary(bytes) => Frame::Binary(bytes.into()),
            },
        );
    }

    async fn close(&mut self, frame: Option<CloseFrame>) {
        let _ = Transport::send(self, Frame::Close(frame));
    }

    async fn recv(&mut self) -> Received {
        loop {
            return match poll_fn(|cx| self.poll_recv(cx)).await {
                Some(Ok(Frame::Text(text))) => received_text(text.to_vec()),
                Some(Ok(Frame::Close(Some(frame)))) => {
                    Received::Close(frame.code().get(), frame.reason().to_owned())
                }
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => continue,
                Some(Err(TransportError::Lost(_))) | None => Received::End,
                other => Received::Wrong(format!("{other:?}")),
            };
        }
    }
}

impl ForeignPeer for WebSocketStream<TcpStream> {
    async fn send(&mut self, message: Message) {
        let message = match message {
            Message::Binary(bytes) => Wire::Binary(bytes.into()),
            // A raw frame, since texts that are not UTF-8 must be sent too.
            Message::Text(bytes) => Wire::Frame(RawFrame::message(bytes, OpCode::Data(Data::Text), true)),
        };
        let _ = SinkExt::send(self, message).await;
    }

    async fn close(&mut self, frame: Option<CloseFrame>) {
        let frame =
            frame.map(|frame| WireClose { code: frame.code().get().into(), reason: frame.reason().into() });
        let _ = SinkExt::send(self, Wire::Close(frame)).await;
    }

    async fn recv(&mut self) -> Received {
        loop {
            return match self.next().await {
                Some(Ok(Wire::Text(text))) => Received::Text(text.as_str().to_owned()),
                Some(Ok(Wire::Close(Some(frame)))) => {
                    Received::Close(frame.code.into(), frame.reason.as_str().to_owned())
                }
                Some(Ok(Wire::Ping(_) | Wire::Pong(_))) => continue,
                Some(Err(_)) | None => Received::End,
                other => Received::Wrong(format!("{other:?}")),
            };
        }
    }
}

fn received_text(bytes: Vec<u8>) -> Received {
    String::from_utf8(bytes).map_or_else(|error| Received::Wrong(error.to_string()), Received::Text)
}
