//! birpc over a socket of [tokio-tungstenite] that you already have: what `accept_async` or `connect_async`
//! gave.
//!
//! [`WebSocket`] is a [`Transport`] over a [`WebSocketStream`], for a server's end and a client's. Whoever
//! did the handshake says which subprotocol was agreed on, since the socket does not know it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use birpc_core::transport::Role;
//! use birpc_core::{Config, Connection, ConnectionInfo, Context, ErrorObject, Router};
//! use birpc_tungstenite::WebSocket;
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("ws://{}/", listener.local_addr()?);
//! let config = Arc::new(Config::default());
//!
//! // A server that accepts its sockets itself.
//! let add = |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) };
//! let router = Arc::new(Router::new().method("add", add));
//! let settings = birpc_tungstenite::config(&config.limits);
//! let server_config = config.clone();
//! tokio::spawn(async move {
//!     let (stream, remote) = listener.accept().await?;
//!     stream.set_nodelay(true)?; // else small messages wait up to 40 ms for the last one's ACK
//!     let socket = tokio_tungstenite::accept_async_with_config(stream, Some(settings)).await?;
//!     let transport = WebSocket::new(socket, Role::Server);
//!     let info = ConnectionInfo::default().with_remote_addr(remote);
//!     let (_peer, connection) = Connection::new(transport, server_config, info);
//!     let reason = connection.serve(router).await;
//!     println!("{reason}");
//!     Ok::<_, tokio_tungstenite::tungstenite::Error>(())
//! });
//!
//! // A client that connects by itself.
//! let nodelay = true;
//! let (socket, _response) = tokio_tungstenite::connect_async_with_config(url, None, nodelay).await?;
//! let transport = WebSocket::new(socket, Role::Client);
//! let (peer, connection) = Connection::new(transport, config, ConnectionInfo::default());
//! tokio::spawn(connection);
//! assert_eq!(peer.call::<i64>("add", (1, 2)).await?, 3);
//! # Ok(()) }
//! ```
//!
//! # What it does less well than birpc's own WebSocket
//! [`birpc_core::transport::WebSocket`] needs the bare stream after the handshake. `Server`, `Client` and
//! `Acceptor` use it. Over a `WebSocketStream` some things are tungstenite's to do, or cannot be seen:
//!
//! | what | here | why |
//! |---|---|---|
//! | `Limits::max_message_in` | the connection closes with 1009, but the message is in memory first, up to the socket's own limits: give the socket [`config`] | the settings of a `WebSocketStream` cannot be changed |
//! | `Limits::max_fragments` | not counted: a message is bounded by its size, however many frames it comes in | frames are not told |
//! | keepalive, `Limits::write_stall`, `Limits::message_timeout` | a message counts as life when all of it is here, and as taken by the peer when all of it is written, in pieces of 256 KiB. So one that takes longer than `Keepalive::interval` and `timeout` together ends the connection. With [`Counted`] beneath the socket each byte counts, and a message that is half here has its deadline | bytes are not told |
//! | the peer's close codes that nobody may send, and 1014 | arrive as 1002, and are answered with 1002 | tungstenite rewrites them |
//! | text that is not UTF-8 | 1007 when its frame is complete | tungstenite does not look before |
//! | pings | tungstenite answers each with a write of its own; `Limits::max_control_rate` holds | pongs cannot be left to the next flush |
//! | fragments | a message of more than 256 KiB goes out in fragments of that size, so that pings pass between them; those that come in are put together by tungstenite | |
//! | `WebSocketConfig::max_write_buffer_size` | kept to: what does not fit waits here. It has to have room for one frame | |
//! | memory | an idle connection keeps the socket's buffers, 128 KiB for reading by default: [`config`] asks for 8 KiB. Those of a large message stay | they are tungstenite's |
//! | `TCP_NODELAY` | as you set it; without it a message that follows another at once may wait 40 ms | the stream is yours |
//! | `WebSocketConfig::accept_unmasked_frames` | as you set it | |
//!
//! # Versions
//! The types of tokio-tungstenite are part of this crate's API: a new major version of this crate comes with
//! each of theirs. The one that it is built with is [`tokio_tungstenite`]. Sockets of other versions, and
//! those that a framework hides in a type of its own, fit [`birpc_core::transport::SinkStream`].
//!
//! [tokio-tungstenite]: https://docs.rs/tokio-tungstenite
//! [`Transport`]: birpc_core::transport::Transport
//! [`WebSocketStream`]: tokio_tungstenite::WebSocketStream

#![cfg_attr(docsrs, feature(doc_cfg))]

mod counted;
mod messages;
mod socket;

pub use tokio_tungstenite;

pub use counted::Counted;
pub use socket::{WebSocket, config};
