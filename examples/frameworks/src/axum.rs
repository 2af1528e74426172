//! axum 0.8, with its own extractor.
//!
//! The socket answers pings and the peer's close frame itself, and passes on close codes. It hides protocol
//! errors: its error has no code, so no close frame is sent, and both sides see 1006. It does not check the
//! `Origin`.

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use birpc::transport::{Frame, SinkStream, Transport};
use birpc::{Config, Router};

use crate::SUBPROTOCOL;

/// The socket as a transport.
pub fn transport(socket: WebSocket) -> impl Transport {
    SinkStream::new(socket, message_of, frame_of)
}

fn message_of(frame: Frame) -> Option<Message> {
    Some(match frame {
        Frame::Text(text) => Message::Text(Utf8Bytes::try_from(text).ok()?),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping(payload) => Message::Ping(payload),
        Frame::Pong(payload) => Message::Pong(payload),
        Frame::Close(Some(close)) => {
            let (code, reason) = (close.code().get(), close.reason().into());
            Message::Close(Some(CloseFrame { code, reason }))
        }
        Frame::Close(None) | Frame::UnknownClose(..) => Message::Close(None),
        _ => return None,
    })
}

fn frame_of(message: Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(payload) => Frame::Ping(payload),
        Message::Pong(payload) => Frame::Pong(payload),
        Message::Close(None) => Frame::Close(None),
        Message::Close(Some(close)) => Frame::closing(close.code, &close.reason),
    })
}

/// A route for birpc.
pub fn route(config: Arc<Config>, router: Arc<Router>) -> MethodRouter {
    any(move |ws: WebSocketUpgrade| async move { upgrade(ws, config, router) })
}

fn upgrade(ws: WebSocketUpgrade, config: Arc<Config>, router: Arc<Router>) -> Response {
    let limit = config.limits.max_message_in;
    let ws = ws.protocols([SUBPROTOCOL]).max_message_size(limit).max_frame_size(limit);
    ws.on_upgrade(move |socket| async move {
        let agreed = socket.protocol().and_then(|name| name.to_str().ok()).map(str::to_owned);
        let reason = crate::serve(transport(socket), agreed.as_deref(), config, router).await;
        println!("{reason}");
    })
}
