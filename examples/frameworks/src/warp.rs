//! warp 0.4.
//!
//! The socket answers pings and the peer's close frame itself, and passes on close codes. It hides protocol
//! errors: for invalid UTF-8 or an invalid frame its error has no code, so no close frame is sent, and both
//! sides see 1006. It does not choose a subprotocol or check the `Origin`; the route does both.

use std::sync::Arc;

use birpc::transport::{Frame, SinkStream, Transport};
use birpc::{Config, Router};
use warp::ws::{Message, WebSocket, Ws};
use warp::{Filter, Rejection, Reply};

use crate::SUBPROTOCOL;

/// The socket as a transport.
pub fn transport(socket: WebSocket) -> impl Transport {
    SinkStream::new(socket, message_of, frame_of)
}

fn message_of(frame: Frame) -> Option<Message> {
    Some(match frame {
        Frame::Text(text) => Message::text(String::from_utf8(text.into()).ok()?),
        Frame::Binary(bytes) => Message::binary(bytes),
        Frame::Ping(payload) => Message::ping(payload),
        Frame::Pong(payload) => Message::pong(payload),
        Frame::Close(Some(close)) => Message::close_with(close.code().get(), close.reason().to_owned()),
        Frame::Close(None) | Frame::UnknownClose(..) => Message::close(),
        _ => return None,
    })
}

fn frame_of(message: Message) -> Option<Frame> {
    if message.is_close() {
        let close = message.close_frame();
        return Some(close.map_or(Frame::Close(None), |(code, reason)| Frame::closing(code, reason)));
    }
    let kind = match () {
        () if message.is_text() => Frame::Text,
        () if message.is_binary() => Frame::Binary,
        () if message.is_ping() => Frame::Ping,
        () if message.is_pong() => Frame::Pong,
        () => return None,
    };
    Some(kind(message.into_bytes()))
}

/// A route for birpc.
pub fn route(
    config: Arc<Config>,
    router: Arc<Router>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    let offered = warp::header::optional::<String>("sec-websocket-protocol");
    warp::path("rpc").and(warp::ws()).and(offered).map(move |ws: Ws, offered: Option<String>| {
        let (config, router) = (config.clone(), router.clone());
        let offers = |name: &str| offered.iter().flat_map(|list| list.split(',')).any(|it| it.trim() == name);
        let agreed = offers(SUBPROTOCOL).then_some(SUBPROTOCOL);
        let limit = config.limits.max_message_in;
        let ws = ws.max_message_size(limit).max_frame_size(limit);
        let reply = ws.on_upgrade(move |socket| async move {
            let reason = crate::serve(transport(socket), agreed, config, router).await;
            println!("{reason}");
        });
        // A client that has offered no subprotocol must not get one.
        match agreed {
            Some(name) => warp::reply::with_header(reply, "sec-websocket-protocol", name).into_response(),
            None => reply.into_response(),
        }
    })
}
