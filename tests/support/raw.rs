//! A peer that sends anything that a test wants.

use std::future::poll_fn;

use birpc::transport::{Frame, MemoryTransport, Transport};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

/// One end of a connection, without JSON-RPC.
pub enum Raw {
    Memory(MemoryTransport),
    Socket(Box<WebSocketStream<TcpStream>>),
}

/// A frame that a raw peer receives.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    /// Code and reason; 1005 if there was no code.
    Close(u16, String),
    End,
}

impl Raw {
    pub async fn connect(stream: TcpStream, url: &str, subprotocol: Option<&str>) -> Self {
        let mut request = url.into_client_request().expect("a URL");
        if let Some(name) = subprotocol {
            let value = name.parse().expect("a token");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("an upgrade");
        Self::Socket(Box::new(socket))
    }

    pub async fn accept(stream: TcpStream) -> Self {
        Self::Socket(Box::new(tokio_tungstenite::accept_async(stream).await.expect("an upgrade")))
    }

    /// Sends messages with one write.
    pub async fn send<S: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = S>) {
        for text in texts {
            let text = text.as_ref().to_owned();
            match self {
                Self::Memory(transport) => transport.send(Frame::Text(text.into())).expect("a peer"),
                Self::Socket(socket) => socket.feed(Message::text(text)).await.expect("a peer"),
            }
        }
        if let Self::Socket(socket) = self {
            socket.flush().await.expect("a peer");
        }
    }

    pub async fn close(&mut self, code: u16, reason: &str) {
        match self {
            Self::Memory(transport) => {
                let frame = birpc::CloseFrame::new(code, reason).expect("it may be sent");
                transport.send(Frame::Close(Some(frame))).expect("a peer");
            }
            Self::Socket(socket) => {
                let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
                // Called by path: with a feature of futures-sink, a box has its own `close`.
                WebSocketStream::close(socket, Some(frame)).await.expect("a peer");
            }
        }
    }

    /// Receives the next frame that is neither a ping nor a pong.
    pub async fn hear(&mut self) -> Heard {
        loop {
            let heard = match self {
                Self::Memory(transport) => {
                    let frame = poll_fn(|cx| transport.poll_recv(cx)).await;
                    frame.map_or(Some(Heard::End), |frame| of_frame(frame.expect("no broken frame")))
                }
                Self::Socket(socket) => socket.next().await.map_or(Some(Heard::End), |message| {
                    message.map_or(Some(Heard::End), of_message) // cut without a close frame
                }),
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// Receives the next message, which must be JSON text.
    pub async fn json(&mut self) -> Value {
        match self.hear().await {
            Heard::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Sends a message and receives the next one.
    pub async fn ask(&mut self, text: &str) -> Value {
        self.send([text]).await;
        self.json().await
    }
}

fn of_frame(frame: Frame) -> Option<Heard> {
    match frame {
        Frame::Text(text) => Some(Heard::Text(String::from_utf8(text.to_vec()).expect("UTF-8"))),
        Frame::Close(Some(close)) => Some(Heard::Close(close.code().get(), close.reason().to_owned())),
        Frame::Close(None) => Some(Heard::Close(1005, String::new())),
        Frame::UnknownClose(code, reason) => Some(Heard::Close(code, reason)),
        _ => None,
    }
}

fn of_message(message: Message) -> Option<Heard> {
    match message {
        Message::Text(text) => Some(Heard::Text(text.to_string())),
        Message::Close(Some(close)) => Some(Heard::Close(close.code.into(), close.reason.to_string())),
        Message::Close(None) => Some(Heard::Close(1005, String::new())),
        _ => None,
    }
}
