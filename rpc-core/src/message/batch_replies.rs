//! The array of replies to a batch of the peer.

use bytes::Bytes;

use super::Id;
use super::reply::{error_reply, unanswerable};

/// Bytes of an error reply of the framework's, with its detail and an id of the usual length.
pub(crate) const SHORT_ERROR: usize = 200;

/// The array of replies to a batch, while it fills.
#[derive(Debug)]
pub(crate) struct BatchReplies {
    text: Vec<u8>,
    /// Bytes of the replies alone.
    replies: usize,
    /// Entries that are not answered yet.
    pub(crate) due: usize,
    limit: usize,
}

impl BatchReplies {
    /// Of at most `limit` bytes.
    pub(crate) fn new(entries: usize, limit: usize) -> Self {
        Self { text: Vec::new(), replies: 0, due: entries, limit }
    }

    pub(crate) fn replies_len(&self) -> usize {
        self.replies
    }

    /// The length of the whole, if each entry that is still open is answered with a short error.
    pub(crate) fn expected_len(&self) -> usize {
        self.text.len() + self.due.saturating_sub(1) * SHORT_ERROR + 2
    }

    /// Adds the reply of one entry.
    pub(crate) fn push(&mut self, reply: &[u8]) {
        self.text.push(if self.text.is_empty() { b'[' } else { b',' });
        self.text.extend_from_slice(reply);
        self.replies += reply.len();
    }

    /// The array; `None` if no entry was due an answer (JSON-RPC 2.0 §6). If even the shortest answers to all
    /// of its entries are too long together, it is one error with id null.
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
