//! Opening handshakes as data (RFC 6455 §4): raw bytes and the answers to them. The files of
//! `tests/handshake/server/` have what clients send; each is played against birpc's own listener and against
//! an acceptor that is mounted in another hyper server. Those of `tests/handshake/client/` have what servers
//! answer to birpc's client.
//!
//! # The files
//! A blank line ends a block. Each block has a server and a TCP connection of its own. `-->` is what the
//! client sends, `<--` what the server answers.
//!
//! ```text
//! # No Host (RFC 6455 §4.2.1).
//! = any origin
//! --> GET / HTTP/1.1
//! --> {headers but Host}
//! <-- 400
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `// text` | a comment |
//! | `# text` | what the block shows; the first lines of a block |
//! | `= name` | which server or client it is; `setups.rs` has them by name |
//! | `text` behind the arrow | a line, sent with CRLF; an empty line follows the last |
//! | `(raw) \x16\x03\r\n` | these bytes as they are; no empty line follows |
//! | `(body) text`, `(frame) text` | behind the empty line, with the same write: text, a text frame |
//!
//! In what is sent, `{headers}` stands for all lines of a valid handshake but the first, `{headers but
//! Host, Upgrade}` for those without these, `{host}` for the server's address, `{accept}` for the right
//! `Sec-WebSocket-Accept`, and `<<3*ab>>` for `ababab`.
//!
//! | expected of a server | meaning |
//! |---|---|
//! | `<-- 400` | the status, in every block but those with `nothing` |
//! | `<-- nothing` | the connection ends without an answer |
//! | `<-- Name: value`, `<-- no Name` | a header that is there, once, or not; `{host}` as above |
//! | `<-- (body) text` | the body has this text in it |
//! | `<-- (frame) text` | the next frame |
//! | `<-- (close) 1002` | a close frame behind them |
//!
//! Moreover each 101 has the headers of RFC 6455 §4.2.2, no extension, no subprotocol but the one that the
//! block expects, and a WebSocket behind it, on which a call is answered if it is not closed. Every other
//! answer ends the connection, and says nothing of a WebSocket but `Sec-WebSocket-Version` with 426.
//!
//! | expected of a client | meaning |
//! |---|---|
//! | `--> text` | a line of the request, in whatever place |
//! | `=> connected birpc.v1` | it is connected, with this subprotocol, or with `none` |
//! | `=> Refused 404 text`, `=> Handshake text` | that `ConnectError`, which has this text in it |
//! | `=> Io`, `=> TimedOut` | that `ConnectError` |
//!
//! After its last byte, a played server ends the stream, unless the last line is `<-- (silence)`.

use std::path::{Path, PathBuf};

mod client;
mod script;
mod server;
mod setups;

/// The tests of each file, and one that no file is left out.
macro_rules! tables {
    (server: $($server:ident)*; client: $($client:ident)*;) => {
        $(mod $server {
            #[tokio::test]
            async fn of_its_own() {
                super::server::play(&super::path("server", stringify!($server)), false).await;
            }

            #[tokio::test]
            async fn mounted() {
                super::server::play(&super::path("server", stringify!($server)), true).await;
            }
        })*

        $(#[tokio::test]
        async fn $client() {
            client::play(&path("client", stringify!($client))).await;
        })*

        #[test]
        fn every_file_is_played() {
            let mut played = vec![
                $(path("server", stringify!($server)),)*
                $(path("client", stringify!($client)),)*
            ];
            played.sort();
            assert_eq!(played, script::files(["server", "client"].map(directory)));
        }
    };
}

tables! {
    server: authorized bad_requests broken frames health refused subprotocols valid versions;
    client: answers broken_answers subprotocols_answered;
}

fn directory(role: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handshake").join(role)
}

fn path(role: &str, name: &str) -> PathBuf {
    directory(role).join(name).with_extension("txt")
}
