//! Wire transcripts: what two peers have said, as lines of text. The guide "Explore a server" describes them.
//!
//! `record` writes them and `replay` plays them. birpc's own tests are such files.

mod pattern;
mod script;
mod writer;

pub(crate) use script::{Action, Block, Message, parse, shortened};
pub(crate) use writer::{close, message};

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client.
    Sent,
    /// From the server.
    Received,
}

impl Direction {
    pub(crate) fn arrow(self) -> &'static str {
        match self {
            Self::Sent => "-->",
            Self::Received => "<--",
        }
    }
}

#[test]
fn what_is_written_is_read_as_the_same_message() {
    let texts: [&[u8]; 6] = [br#"{"a":"<<3*b>>"}"#, b"nothing", b"close 1000", b"(hex) 00", b"\xff\n", b""];
    for bytes in texts {
        for written in [Message::Text(bytes.into()), Message::Binary(bytes.into())] {
            let line = |direction| message(direction, &written);
            let text = format!("{}\n{}\n", line(Direction::Sent), line(Direction::Received));
            let blocks = parse(&text);
            let steps = blocks.as_deref().map(|blocks| &blocks[0].steps[..]);
            let Ok([sent, expected]) = steps else { panic!("{text}: {steps:?}") };
            assert!(matches!(&sent.action, Action::Send { message, .. } if *message == written), "{sent:?}");
            let matches =
                matches!(&expected.action, Action::Expect { expected, .. } if expected.matches(&written));
            assert!(matches, "{written:?}: {expected:?}");
        }
    }
}
