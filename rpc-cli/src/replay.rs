//! `birpc replay`: says what a transcript says, and compares the answers.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use birpc::transport::Frame;
use clap::Args;
use tokio::time::{Instant, timeout_at};

use crate::connection::ConnectArguments;
use crate::duration::duration;
use crate::failure::Failure;
use crate::output;
use crate::signals::{Signals, insist};
use crate::transcript::{self, Action, Block, Direction, Message, shortened};
use crate::wire::{Ended, Event, Wire};

/// Play a transcript, and compare the answers
///
/// Each block of FILE is played on a connection of its own: its `-->` lines are sent, and its `<--` lines
/// must come, in this order. Differences are printed, and the exit code is then 1. Messages are compared as
/// JSON. In an expected message `*` stands for any value, such as a time or an id that is new each time.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The transcript: of `birpc record`, or written by hand
    file: PathBuf,
    /// The server: ws://HOST:PORT/PATH or wss://…
    url: String,
    /// How long an expected message may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    timeout: Duration,
    /// How long nothing must come where the transcript says so, and at the end of a block
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration)]
    quiet: Duration,
    #[command(flatten)]
    connect: ConnectArguments,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    insist();
    let name = arguments.file.display().to_string();
    let text = fs::read(&arguments.file).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    });
    let text = text.map_err(|error| Failure::io(format_args!("cannot read `{name}`"), &error))?;
    let blocks = transcript::parse(&text).map_err(|error| Failure::usage(format_args!("{name}:{error}")))?;
    tokio::select! {
        played = arguments.play_all(&name, &blocks) => played,
        ended = signals.next() => Err(ended),
    }
}

/// Why a block is not as its transcript says, and in which line.
struct Difference {
    line: usize,
    expected: String,
    got: String,
}

/// A connection on which a block is played.
struct Player<'a> {
    wire: Wire,
    arguments: &'a Arguments,
}

/// What came from the server.
enum Received {
    Message(Message),
    Ended(Ended),
    /// Nothing until the deadline.
    Nothing,
}

impl Arguments {
    async fn play_all(&self, name: &str, blocks: &[Block]) -> Result<(), Failure> {
        let mut different = 0;
        for block in blocks {
            let Some(difference) = self.play(block).await? else { continue };
            different += 1;
            let Difference { line, expected, got } = difference;
            output::line(&format!("{name}:{line}: {}", block.title))?;
            output::line(&format!("  expected {}", shortened(&expected)))?;
            output::line(&format!("       got {}", shortened(&got)))?;
        }
        match different {
            0 => output::note(&format!("birpc: {} as expected", counted(blocks.len()))),
            _ => {
                output::note(&format!("birpc: {different} of {} differ", counted(blocks.len())));
                return Err(Failure::shown());
            }
        }
        Ok(())
    }

    async fn play(&self, block: &Block) -> Result<Option<Difference>, Failure> {
        let builder = self.connect.builder_under(&block.subprotocol)?;
        let opened = builder.connect_transport(&self.url).await;
        let wire = opened.map_err(|error| {
            let failure = Failure::of_connect(&error);
            failure.about(format_args!("line {}: {}", block.line, block.title))
        })?;
        let mut player = Player { wire: Wire::new(wire), arguments: self };
        let played = player.play(block).await;
        player.wire.close(birpc::CloseFrame::new(1000, "").ok()).await;
        Ok(played.err())
    }
}

impl Player<'_> {
    async fn play(&mut self, block: &Block) -> Result<(), Difference> {
        for step in &block.steps {
            self.step(&step.action).await.map_err(|(expected, got)| Difference {
                line: step.line,
                expected,
                got: got.text(self.arguments),
            })?;
        }
        match block.steps.last() {
            Some(last) if !block.ends_closed() => {
                let nothing = self.expect_nothing().await;
                nothing.map_err(|(expected, got)| {
                    let expected = format!("{expected}, then");
                    Difference { line: last.line, expected, got: got.text(self.arguments) }
                })
            }
            _ => Ok(()),
        }
    }

    /// Plays a step. An error has what was expected, and what came.
    async fn step(&mut self, action: &Action) -> Result<(), (String, Received)> {
        match action {
            Action::Send { times, message } => {
                for _ in 0..*times {
                    self.send(match message.clone() {
                        Message::Text(bytes) => Frame::Text(bytes.into()),
                        Message::Binary(bytes) => Frame::Binary(bytes.into()),
                    })?;
                }
                Ok(())
            }
            Action::SendClose(frame) => self.send(Frame::Close(frame.clone())),
            Action::Expect { times, expected } => {
                for _ in 0..*times {
                    match self.received(self.arguments.timeout).await {
                        Received::Message(message) if expected.matches(&message) => {}
                        other => return Err((expected.text(), other)),
                    }
                }
                Ok(())
            }
            Action::ExpectNothing => self.expect_nothing().await,
            Action::ExpectClose { code, reason } => match self.received(self.arguments.timeout).await {
                Received::Ended(Ended::Closed { code: got, reason: why })
                    if got == *code && reason.as_ref().is_none_or(|reason| *reason == why) =>
                {
                    Ok(())
                }
                other => Err((format!("close {code} {}", reason.as_deref().unwrap_or_default()), other)),
            },
        }
    }

    fn send(&mut self, frame: Frame) -> Result<(), (String, Received)> {
        self.wire.send(frame).map_err(|ended| ("to be able to send this".into(), Received::Ended(ended)))
    }

    async fn expect_nothing(&mut self) -> Result<(), (String, Received)> {
        match self.received(self.arguments.quiet).await {
            Received::Nothing => Ok(()),
            other => Err(("nothing".into(), other)),
        }
    }

    /// The next message or the end, within so much time.
    async fn received(&mut self, within: Duration) -> Received {
        // A time that cannot be represented never comes; a day stands for it.
        let until = Instant::now()
            .checked_add(within)
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        loop {
            return match timeout_at(until, self.wire.next(true)).await {
                Ok(Event::Nothing) => continue,
                Ok(Event::Text(text)) => Received::Message(Message::Text(text.to_vec())),
                Ok(Event::Binary(bytes)) => Received::Message(Message::Binary(bytes.to_vec())),
                Ok(Event::Ended(ended)) => Received::Ended(ended),
                Err(_) => Received::Nothing,
            };
        }
    }
}

impl Received {
    fn text(&self, arguments: &Arguments) -> String {
        let line = match self {
            Self::Message(message) => transcript::message(Direction::Received, message),
            Self::Ended(Ended::Closed { code, reason }) => {
                transcript::close(Direction::Received, *code, reason)
            }
            Self::Ended(Ended::Lost { why, .. }) => return format!("the end of the connection: {why}"),
            Self::Nothing => return format!("nothing within {:?} (--timeout)", arguments.timeout),
        };
        line.trim_start_matches(Direction::Received.arrow()).trim_start().to_owned()
    }
}

fn counted(blocks: usize) -> String {
    if blocks == 1 { "1 block".into() } else { format!("{blocks} blocks") }
}
