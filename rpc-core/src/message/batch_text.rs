//! Outgoing batches: requests and notifications in one array (JSON-RPC 2.0 §6).

use bytes::Bytes;

use super::encode::{EncodeError, RequestText, within};

/// An entry of a batch. `I` is `()` before ids are assigned, and `u64` afterwards.
pub(crate) enum BatchEntry<I = ()> {
    Request(I, RequestText),
    Notification(Bytes),
}

/// A batch with its ids. It is written as text when its turn on the socket comes; calls that are dropped
/// before that are left out.
pub(crate) struct BatchText {
    entries: Vec<BatchEntry<u64>>,
}

impl<I: Copy> BatchEntry<I> {
    fn id(&self) -> Option<I> {
        match self {
            Self::Request(id, _) => Some(*id),
            Self::Notification(_) => None,
        }
    }

    pub(crate) fn notification(&self) -> Option<&Bytes> {
        match self {
            Self::Request(..) => None,
            Self::Notification(text) => Some(text),
        }
    }

    /// The length with the longest possible id.
    fn expected_len(&self) -> usize {
        match self {
            Self::Request(_, frame) => frame.expected_len(),
            Self::Notification(text) => text.len(),
        }
    }
}

impl BatchText {
    /// Checks the size of the whole array.
    pub(crate) fn within(entries: &[BatchEntry], limit: usize) -> Result<(), EncodeError> {
        within(array_len(entries), limit)
    }

    /// Assigns ids, in order.
    pub(crate) fn number(entries: Vec<BatchEntry>, mut next_id: impl FnMut() -> u64) -> Self {
        let number = |entry| match entry {
            BatchEntry::Request((), frame) => BatchEntry::Request(next_id(), frame),
            BatchEntry::Notification(text) => BatchEntry::Notification(text),
        };
        Self { entries: entries.into_iter().map(number).collect() }
    }

    /// The ids of its requests, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.entries.iter().filter_map(BatchEntry::id)
    }

    /// The texts of its notifications, in order.
    pub(crate) fn notifications(&self) -> impl Iterator<Item = &Bytes> {
        self.entries.iter().filter_map(BatchEntry::notification)
    }

    /// The number of requests and notifications.
    pub(crate) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The length of the array with the longest possible ids, in bytes.
    pub(crate) fn expected_len(&self) -> usize {
        array_len(&self.entries)
    }

    /// Removes the requests for which `wanted` is false.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(u64) -> bool) {
        self.entries.retain(|entry| entry.id().is_none_or(&mut wanted));
    }

    /// Writes the array. With a single element it is still an array.
    pub(crate) fn finish(self) -> Bytes {
        let mut text = Vec::with_capacity(self.expected_len());
        for entry in self.entries {
            text.push(if text.is_empty() { b'[' } else { b',' });
            text.extend_from_slice(&match entry {
                BatchEntry::Request(id, frame) => frame.finish(id),
                BatchEntry::Notification(text) => text,
            });
        }
        text.push(b']');
        text.into()
    }
}

fn array_len<I: Copy>(entries: &[BatchEntry<I>]) -> usize {
    let elements: usize = entries.iter().map(|entry| entry.expected_len() + ",".len()).sum();
    elements + "[]".len()
}
