//! The signals that end a command: Ctrl-C, and what service managers and terminals send.

use std::io;

use crate::failure::Failure;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a process that a signal ends is this and the signal's number, as in shells.
const SIGNALLED: u8 = 128;
const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// From its creation on, signals no longer end the process by themselves.
#[cfg(unix)]
pub(crate) struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| cannot_listen(&error));
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal. Returns the end of the command that it asks for.
    pub(crate) async fn next(&mut self) -> Failure {
        let number = tokio::select! {
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => SIGTERM,
            _ = self.hangup.recv() => SIGHUP,
        };
        Failure::silent(SIGNALLED + number)
    }
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Failure {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Failure::silent(SIGNALLED + SIGINT),
            Err(error) => cannot_listen(&error),
        }
    }
}

fn cannot_listen(error: &io::Error) -> Failure {
    Failure::io("cannot listen to signals", error)
}
