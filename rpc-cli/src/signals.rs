//! The signals that end a command: Ctrl-C, and what service managers and terminals send.

use std::io;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::sleep;

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

/// How long a command may take to end after a signal, and after a second one. A bridge takes 2.5 s.
const AFTER_FIRST: Duration = Duration::from_secs(3);
const AFTER_SECOND: Duration = Duration::from_millis(500);

/// From now on a signal ends the process in any case. A thread that writes to an output that nobody reads
/// notices none, and all threads may do that.
pub(crate) fn insist() {
    static INSISTS: Once = Once::new();
    INSISTS.call_once(|| {
        thread::spawn(|| {
            // Without it, signals end the commands that notice them.
            if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
                runtime.block_on(end_in_any_case());
            }
        });
    });
}

async fn end_in_any_case() {
    let Ok(mut signals) = Signals::listen() else { return };
    let ended = signals.next().await;
    tokio::select! {
        () = sleep(AFTER_FIRST) => {}
        _ = signals.next() => sleep(AFTER_SECOND).await,
    }
    ended.exit()
}

fn cannot_listen(error: &io::Error) -> Failure {
    Failure::io("cannot listen to signals", error)
}
