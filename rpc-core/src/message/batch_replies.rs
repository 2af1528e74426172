//! The array of replies to an incoming batch.

use bytes::Bytes;

use super::Id;
use super::reply::{error_reply, unanswerable};

/// The size of one of the framework's error replies, with its detail and an id of usual length, in bytes.
pub(crate) const SHORT_ERROR: usize = 200;

/// The array of replies to a batch, while replies are added.
#[derive(Debug)]
pub(crate) struct BatchReplies {
    text: Vec<u8>,
    /// The size of the replies alone, in bytes.
    replies: usize,
    /// The number of entries that are not answered yet.
    pub(crate) due: usize,
    limit: usize,
}

impl BatchReplies {
    /// Creates an array of at most `limit` bytes.
    pub(crate) fn new(entries: usize, limit: usize) -> Self {
        Self { text: Vec::new(), replies: 0, due: entries, limit }
    }

    pub(crate) fn replies_len(&self) -> usize {
        self.replies
    }

    /// The length of the array if each open entry is answered with a short error.
    pub(crate) fn expected_len(&self) -> usize {
        self.text.len() + self.due.saturating_sub(1) * SHORT_ERROR + 2
    }

    /// Adds the reply of one entry.
    pub(crate) fn push(&mut self, reply: &[u8]) {
        self.text.push(if self.text.is_empty() { b'[' } else { b',' });
        self.text.extend_from_slice(reply);
        self.replies += reply.len();
    }

    /// Returns the array; `None` if no entry gets a reply (JSON-RPC 2.0 §6). If even the shortest replies to
    /// all entries together are too long, it is a single error with id null.
    pub(crate) fn finish(mut self) -> Option<Bytes> {
        if self.text.is_empty() {
            return None;
        }
        self.text.push(b']');
        if self.text.len() > self.limit {
            self.text.clear();
            error_reply(
                &Id::null(),
                &unanswerable("the answers to this batch would be too long"),
                &mut self.text,
            );
        }
        Some(self.text.into())
    }
}
