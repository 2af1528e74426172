//! poem 3.
//!
//! The socket answers pings and the peer's close frame itself, and passes on close codes. It hides protocol
//! errors: each is an `io::Error` without a code, so no close frame is sent, and both sides see 1006. It does
//! not check the `Origin`. Its messages are `String` and `Vec`, so each incoming message is copied once.

use std::sync::Arc;

use birpc::transport::{Frame, SinkStream, Transport};
use birpc::{Config, Router};
use poem::web::websocket::{Message, WebSocket, WebSocketConfig, WebSocketStream};
use poem::{Endpoint, FromRequest, IntoResponse, Request, Response};

use crate::SUBPROTOCOL;

/// The socket as a transport.
pub fn transport(socket: WebSocketStream) -> impl Transport {
    SinkStream::new(socket, message_of, frame_of)
}

fn message_of(frame: Frame) -> Option<Message> {
    Some(match frame {
        Frame::Text(text) => Message::Text(String::from_utf8(text.into()).ok()?),
        Frame::Binary(bytes) => Message::Binary(bytes.into()),
        Frame::Ping(payload) => Message::Ping(payload.into()),
        Frame::Pong(payload) => Message::Pong(payload.into()),
        Frame::Close(Some(close)) => Message::close_with(close.code().get(), close.reason()),
        Frame::Close(None) | Frame::UnknownClose(..) => Message::Close(None),
        _ => return None,
    })
}

fn frame_of(message: Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes.into()),
        Message::Ping(payload) => Frame::Ping(payload.into()),
        Message::Pong(payload) => Frame::Pong(payload.into()),
        Message::Close(None) => Frame::Close(None),
        Message::Close(Some((code, reason))) => Frame::closing(code.into(), &reason),
    })
}

/// An endpoint for birpc.
pub fn endpoint(config: Arc<Config>, router: Arc<Router>) -> impl Endpoint {
    poem::endpoint::make(move |request: Request| {
        let (config, router) = (config.clone(), router.clone());
        async move { upgrade(request, config, router).await }
    })
}

async fn upgrade(request: Request, config: Arc<Config>, router: Arc<Router>) -> poem::Result<Response> {
    let offered = request.header("sec-websocket-protocol").unwrap_or_default();
    let agreed = offered.split(',').any(|name| name.trim() == SUBPROTOCOL).then_some(SUBPROTOCOL);
    let ws = WebSocket::from_request_without_body(&request).await?;
    let limit = Some(config.limits.max_message_in);
    let settings = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    // poem answers with the subprotocol only if the client has offered it.
    let upgraded = ws.protocols([SUBPROTOCOL]).config(settings).on_upgrade(move |socket| async move {
        let reason = crate::serve(transport(socket), agreed, config, router).await;
        println!("{reason}");
    });
    Ok(upgraded.into_response())
}
