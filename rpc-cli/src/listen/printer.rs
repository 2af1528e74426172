//! Prints what the server sends, in the order in which it came.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::output;

/// Prints lines in turn. While the output waits, the handlers of several messages wait with it, each on its
/// thread, and would go on in any order.
pub(super) struct Printer {
    /// The number of lines that have begun.
    begun: AtomicU64,
    /// The number of lines that have been printed.
    printed: Mutex<u64>,
    next: Condvar,
    /// Where a failure of the output goes, which ends the command.
    failed: mpsc::Sender<Failure>,
}

impl Printer {
    pub(super) fn new(failed: mpsc::Sender<Failure>) -> Self {
        Self { begun: AtomicU64::new(0), printed: Mutex::new(0), next: Condvar::new(), failed }
    }

    /// Prints a line. `false` if the output cannot be written, which ends the command.
    ///
    /// The handlers of a connection begin one after the other, and so do their lines.
    pub(super) fn print(&self, heard: &impl Serialize) -> bool {
        let turn = self.begun.fetch_add(1, Ordering::Relaxed);
        let json = serde_json::to_string(heard).unwrap_or_default();
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.next.wait_while(printed, |printed| *printed != turn);
        let mut printed = waiting.unwrap_or_else(PoisonError::into_inner);
        let written = output::line(&output::on_one_line(&json));
        *printed += 1;
        self.next.notify_all();
        drop(printed);
        match written {
            Ok(()) => true,
            Err(failure) => {
                // A failure that is there already says the same.
                let _ = self.failed.try_send(failure);
                false
            }
        }
    }
}
