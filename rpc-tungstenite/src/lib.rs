//! birpc over an existing socket of [tokio-tungstenite], as `accept_async` or `connect_async` returns it.
//!
//! [`WebSocket`] is a [`Transport`] over a [`WebSocketStream`], for servers and clients. The socket does not
//! know which subprotocol was agreed on, so the code that did the handshake passes it on.
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
//! # Differences from birpc's own WebSocket
//! [`birpc_core::transport::WebSocket`] needs the bare stream after the handshake. `Server`, `Client` and
//! `Acceptor` use it. Over a `WebSocketStream`, some things are up to tungstenite or cannot be observed:
//!
//! | aspect | over a `WebSocketStream` | reason |
//! |---|---|---|
//! | `Limits::max_message_in` | the connection closes with 1009, but the message is in memory first, up to the socket's own limits: give the socket [`config`] | the settings of a `WebSocketStream` cannot be changed |
//! | `Limits::max_fragments` | not enforced: only the size of a message is limited, not the number of its frames | the socket does not report frames |
//! | keepalive, `Limits::write_stall`, `Limits::message_timeout` | a message counts as a sign of life when it is complete, and as read by the peer when it is written, in pieces of 256 KiB. So a message that takes longer than `Keepalive::interval` and `timeout` together ends the connection. With [`Counted`] beneath the socket each byte counts, and an incomplete message has a deadline | the socket does not report bytes |
//! | close codes that must not be sent, and 1014 | arrive as 1002, and are answered with 1002 | tungstenite rewrites them |
//! | text that is not UTF-8 | 1007 when its frame is complete | tungstenite does not check earlier |
//! | pings | tungstenite answers each with a separate write; `Limits::max_control_rate` applies | pongs cannot wait for the next flush |
//! | fragments | a message of more than 256 KiB is sent in fragments of that size, so that pings can pass between them; tungstenite reassembles incoming ones | |
//! | `WebSocketConfig::max_write_buffer_size` | respected: messages that do not fit wait in this crate. It must have room for one frame | |
//! | memory | an idle connection keeps the socket's buffers, 128 KiB for reading by default: [`config`] asks for 8 KiB. Those of a large message stay | they are tungstenite's |
//! | `TCP_NODELAY` | as you set it; without it, a message sent directly after another one may wait for 40 ms | the stream is yours |
//! | `WebSocketConfig::accept_unmasked_frames` | as you set it | |
//!
//! # Versions
//! The types of tokio-tungstenite are part of this crate's API, so each major version of tokio-tungstenite
//! brings a new major version of this crate. The version in use is re-exported as [`tokio_tungstenite`]. For
//! sockets of other versions, and for sockets that a framework wraps in its own type, use
//! [`birpc_core::transport::SinkStream`].
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
