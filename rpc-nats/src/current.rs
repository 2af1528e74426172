//! The connection that is in use, if there is one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use birpc_cluster::BackplaneError;

use crate::connection::Connection;
use crate::queue::{MAX_WAITING, Queue};

/// Larger messages could fill the queue on their own. NATS recommends at most this, too.
const MAX_MESSAGE: usize = MAX_WAITING / 2;

/// What [`crate::Nats`] and the task that keeps its connection share.
#[derive(Debug)]
pub(crate) struct Current {
    connection: Mutex<Option<Arc<Connection>>>,
    max_message: AtomicUsize,
    queue: Arc<Queue>,
}

impl Current {
    pub(crate) fn new(connection: Arc<Connection>, queue: Arc<Queue>) -> Self {
        let current = Self { connection: Mutex::default(), max_message: AtomicUsize::new(0), queue };
        current.set(connection);
        current
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The connection.
    pub(crate) fn get(&self) -> Result<Arc<Connection>, BackplaneError> {
        self.lock().clone().ok_or(BackplaneError::Unreachable)
    }

    /// The largest message that the server of the last connection takes.
    pub(crate) fn max_message(&self) -> usize {
        self.max_message.load(Ordering::Relaxed)
    }

    /// There is a new connection, after the first.
    pub(crate) fn restore(&self, connection: Arc<Connection>) {
        self.set(connection);
        self.queue.push_restored();
    }

    /// The connection is lost.
    pub(crate) fn lose(&self) {
        let lost = self.lock().take();
        self.queue.push_lost();
        drop(lost);
    }

    /// There is no connection, and will be none.
    pub(crate) fn close(&self) {
        let last = self.lock().take();
        self.queue.close();
        drop(last);
    }

    fn set(&self, connection: Arc<Connection>) {
        if let Some(max_payload) = connection.max_payload() {
            self.max_message.store(max_payload.min(MAX_MESSAGE), Ordering::Relaxed);
        }
        *self.lock() = Some(connection);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
