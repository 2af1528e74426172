//! Wire transcripts as data: each file of `tests/transcripts/` is played over the in-memory pair, over a
//! socket, and over a socket of tokio-tungstenite, against the methods of `transcripts/service.rs`.
//! `birpc replay` plays such files too: its modules parse them here, and compare the messages.
//!
//! # The files
//! A blank line ends a block. Each block has a connection of its own, on which nothing else was said.
//!
//! ```text
//! # What it shows.
//! = birpc.v1
//! --> {"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}
//! <-- {"jsonrpc":"2.0","id":1,"result":3}
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `// text` | a comment |
//! | `# text` | what the block shows; the first lines of a block |
//! | `= jsonrpc`, `= birpc.v1` | the subprotocol; `jsonrpc` if it is not said |
//! | `= data left open` | an expected error without `data` also matches one that has some |
//! | `= socket only` | the block is about WebSocket frames, which the in-memory pair does not have |
//! | `--> text` | a text message that the foreign peer sends |
//! | `--> (binary) text` | a binary message |
//! | `--> (hex) ff 00`, `--> (text hex) ff 00` | a binary or text message of these bytes |
//! | `--> (16 times) text` | that many messages; `<-- (16 times) text` likewise |
//! | `--> close 4000 bye` | a close frame |
//! | `<-- text` | the next message that must come |
//! | `<-- nothing` | nothing came |
//! | `<-- close 1007 why` | a close frame, and then the end of the stream; the reason may be left out |
//!
//! An indented line continues the message above it. In a message `<<3*ab>>` stands for `ababab` and
//! `<<3,{"id":#}>>` for `{"id":1},{"id":2},{"id":3}`.
//!
//! Messages are compared as JSON, but for ids, numbers and literals, whose bytes must be equal. The
//! replies of a batch may stand in any order, messages may not. A `*` matches any one value.
//!
//! Each block ends with a proof that nothing else came, the same as `<-- nothing`: a request, the fence,
//! whose answer must be the next message. Its handler gives way to all others first.

use std::fs;
use std::path::{Path, PathBuf};

mod check;
#[path = "../../rpc-cli/src/transcript/pattern.rs"]
mod pattern;
mod play;
#[path = "../../rpc-cli/src/transcript/script.rs"]
mod script;
mod service;
mod values;
mod wire;

/// Three tests for each file, and one that no file is left out.
macro_rules! transcripts {
    ($($file:ident)*) => {
        $(mod $file {
            #[tokio::test(start_paused = true)]
            async fn in_memory() {
                super::play::in_memory(&super::path(stringify!($file))).await;
            }

            #[tokio::test]
            async fn over_a_socket() {
                super::play::over_a_socket(&super::path(stringify!($file))).await;
            }

            #[tokio::test]
            async fn over_tungstenite() {
                super::play::over_tungstenite(&super::path(stringify!($file))).await;
            }
        })*

        #[test]
        fn every_file_is_played() {
            let mut played = [$(path(stringify!($file))),*];
            played.sort();
            let directory = fs::read_dir(directory()).expect("the directory of transcripts");
            let paths = directory.map(|entry| entry.expect("an entry of it").path());
            let is_transcript = |path: &PathBuf| path.extension().is_some_and(|it| it == "txt");
            let mut files: Vec<_> = paths.filter(is_transcript).collect();
            files.sort();
            assert_eq!(played.as_slice(), files);
        }
    };
}

transcripts! {
    batches
    cancellation
    credit
    failures
    ids
    invalid_requests
    not_json
    numbers_and_depth
    our_calls
    params
    ping
    progress
    responses
    section_7
    streams
    subscriptions
    unknown_methods
    websocket
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn path(name: &str) -> PathBuf {
    directory().join(name).with_extension("txt")
}
