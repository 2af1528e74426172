//! One connection of a bridge, with its process.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use birpc::CloseFrame;
use birpc::transport::{Frame, Transport};
use bytes::Bytes;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::framing::{Framing, Messages};
use crate::output;
use crate::process::Group;
use crate::serving::Stopped;
use crate::wire::{Ended, Event, Wire};

/// How long the output of a command is read after its end. Processes that it has started may hold it open.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

pub(super) struct Session {
    wire: Wire,
    framing: Framing,
    /// The largest message, in bytes.
    largest: usize,
    stopped: Stopped,
}

/// How far messages were passed on.
enum Passed {
    /// The process has ended, and may have written something before.
    Exited(io::Result<ExitStatus>),
    Ended(End),
}

/// Why a session ends.
enum End {
    Peer(Ended),
    Child(io::Result<ExitStatus>),
    /// The command broke the framing.
    Broken(String),
    /// The bridge ends.
    Stopped,
}

/// The pipes of a process. Each holds one message, so that whoever is slow makes the other side wait.
struct Pipes {
    /// A message that waits until the command reads.
    held: Option<Bytes>,
    to_child: mpsc::Sender<Bytes>,
    from_child: mpsc::Receiver<Result<String, String>>,
    /// The tasks that write and read. Dropping them closes the pipes.
    tasks: JoinSet<()>,
}

impl Session {
    pub(super) fn new(
        transport: Box<dyn Transport>,
        framing: Framing,
        largest: usize,
        stopped: Stopped,
    ) -> Self {
        Self { wire: Wire::new(transport), framing, largest, stopped }
    }

    /// Starts the command, passes messages on until one side ends, and ends the other.
    pub(super) async fn run(mut self, command: &mut Command) {
        let mut child = match Group::spawn(command) {
            Ok(child) => child,
            Err(error) => {
                let program = command.as_std().get_program().to_string_lossy().into_owned();
                output::note(&format!("birpc: `{program}` cannot be started: {error}"));
                return self.wire.close(closing(1011, "the command cannot be started")).await;
            }
        };
        let Some((stdin, stdout)) = child.take_pipes() else { return };
        let mut pipes = Pipes::open(stdin, stdout, self.framing, self.largest);
        let end = match self.pass_on(&mut child, &mut pipes).await {
            Passed::Exited(status) => self.drain(child, pipes, status).await,
            Passed::Ended(end) => {
                // What came before the end is for the command. Most commands end with their input.
                let mut ending = pin!(child.end());
                let ended = async {
                    tokio::select! {
                        () = &mut ending => {}
                        () = pipes.finish() => ending.await,
                    }
                };
                tokio::join!(ended, self.wire.close(end.closing()));
                return;
            }
        };
        self.wire.close(end.closing()).await;
    }

    /// Passes messages on until the process has ended, or something else ends the session.
    async fn pass_on(&mut self, child: &mut Group, pipes: &mut Pipes) -> Passed {
        let mut has_output = true;
        loop {
            if *self.stopped.borrow() {
                return Passed::Ended(End::Stopped);
            }
            let may_send = has_output && self.wire.has_sent_all();
            tokio::select! {
                event = self.wire.next(pipes.held.is_none()) => match event {
                    Event::Text(message) | Event::Binary(message) => pipes.held = Some(message),
                    Event::Nothing => {}
                    Event::Ended(ended) => return Passed::Ended(End::Peer(ended)),
                },
                room = pipes.to_child.reserve(), if pipes.held.is_some() => {
                    // Without room, the command has closed its input: it will end, or only wants to write.
                    if let (Ok(room), Some(message)) = (room, pipes.held.take()) {
                        room.send(message);
                    }
                }
                message = pipes.from_child.recv(), if may_send => match message {
                    Some(message) => if let Err(end) = self.send(message) {
                        return Passed::Ended(end);
                    },
                    None => has_output = false,
                },
                status = child.wait() => return Passed::Exited(status),
                // The sender outlives the session.
                _ = self.stopped.changed() => {}
            }
        }
    }

    /// Sends what a process has written before its end, and ends the processes that it has started.
    async fn drain(&mut self, child: Group, mut pipes: Pipes, status: io::Result<ExitStatus>) -> End {
        let mut ending = pin!(child.end());
        let (mut has_ended, mut has_output) = (false, true);
        loop {
            let sent_all = self.wire.has_sent_all();
            if has_ended && !has_output && sent_all {
                return End::Child(status);
            }
            tokio::select! {
                event = self.wire.next(true) => if let Event::Ended(ended) = event {
                    ending.await;
                    return End::Peer(ended);
                },
                message = pipes.from_child.recv(), if has_output && sent_all => match message {
                    Some(message) => if let Err(end) = self.send(message) {
                        ending.await;
                        return end;
                    },
                    None => has_output = false,
                },
                () = &mut ending, if !has_ended => has_ended = true,
                // A process that has left the group may hold the output open.
                () = sleep(LAST_OUTPUT), if has_ended && has_output && sent_all => has_output = false,
            }
        }
    }

    fn send(&mut self, message: Result<String, String>) -> Result<(), End> {
        let text = message.map_err(End::Broken)?;
        self.wire.send(Frame::Text(text.into())).map_err(End::Peer)
    }
}

impl Pipes {
    fn open(mut stdin: ChildStdin, stdout: ChildStdout, framing: Framing, largest: usize) -> Self {
        let (to_child, mut inbox) = mpsc::channel::<Bytes>(1);
        let (outbox, from_child) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(message) = inbox.recv().await {
                if stdin.write_all(&framing.framed(&message)).await.is_err() {
                    return;
                }
            }
        });
        tasks.spawn(async move {
            let mut messages = Messages::new(BufReader::new(stdout), framing, largest);
            while let Some(message) = messages.next().await.transpose() {
                let is_last = message.is_err();
                if outbox.send(message).await.is_err() || is_last {
                    return;
                }
            }
        });
        Self { held: None, to_child, from_child, tasks }
    }

    /// Ends the input of the process behind what waits for it. Its output, which nobody reads any more, goes
    /// nowhere.
    async fn finish(self) {
        let Self { held, to_child, mut from_child, mut tasks } = self;
        let writing = async move {
            if let Some(message) = held {
                // Without room, the command has closed its input.
                let _ = to_child.send(message).await;
            }
        };
        let reading = async { while from_child.recv().await.is_some() {} };
        tokio::join!(writing, reading);
        while tasks.join_next().await.is_some() {}
    }
}

impl End {
    /// The close frame for the peer, and a line for the user if something is wrong.
    fn closing(self) -> Option<CloseFrame> {
        match self {
            Self::Peer(Ended::Closed { .. }) => None,
            Self::Peer(Ended::Lost { answer, .. }) => answer,
            Self::Child(Ok(status)) if status.success() => closing(1000, "the command has ended"),
            Self::Child(Ok(status)) => {
                output::note(&format!("birpc: the command ended with {status}"));
                closing(1011, "the command has failed")
            }
            Self::Child(Err(error)) => {
                output::note(&format!("birpc: cannot wait for the command: {error}"));
                closing(1011, "the command has failed")
            }
            Self::Broken(why) => {
                output::note(&format!("birpc: the command broke its framing: {why}"));
                closing(1011, "the command broke its framing")
            }
            Self::Stopped => closing(1001, "the bridge ends"),
        }
    }
}

/// A close frame with a code and a reason that may be sent.
fn closing(code: u16, reason: &str) -> Option<CloseFrame> {
    CloseFrame::new(code, reason).ok()
}
