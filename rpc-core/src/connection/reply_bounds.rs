//! How large the reply to a call of the peer may be.

use crate::config::Limits;
use crate::message::{ErrorCode, ErrorObject, SHORT_ERROR};
use crate::multiplexer::{IncomingCall, IncomingCalls};

/// The limits of the reply to one call, by itself or in its batch.
pub(super) struct ReplyBounds<'l> {
    limits: &'l Limits,
    /// Set if the call came in a batch.
    collected: Option<Collected>,
}

/// Bytes of collected replies.
struct Collected {
    /// The bytes in the reply's batch, at least.
    of_batch: usize,
    /// Whether the batch has unanswered calls even after this reply.
    waits: bool,
    /// The bytes in all batches.
    of_all: usize,
}

impl<'l> ReplyBounds<'l> {
    /// For the reply to a call; `batch` is set if it came in one.
    #[inline]
    pub(super) fn new<C: IncomingCall, P>(
        limits: &'l Limits,
        calls: &IncomingCalls<C, P>,
        batch: Option<usize>,
    ) -> Self {
        let collected = batch.map(|batch| Collected {
            of_batch: calls.batch_len(batch),
            waits: calls.batch_waits(batch),
            of_all: calls.batch_bytes(),
        });
        Self { limits, collected }
    }

    /// The maximum size of a reply, on its own or in its batch, in bytes.
    pub(super) fn room(&self) -> usize {
        let most = self.limits.max_message_out;
        let Some(collected) = &self.collected else { return most };
        // Each entry has room for a short error, unless there are more entries than the whole limit has room
        // for.
        most.saturating_sub(collected.of_batch).max(SHORT_ERROR)
    }

    /// The error that replaces a reply of this size: if it is too large, on its own or together with the
    /// previous replies of its batch, or if it would have to wait in its batch while batches already hold too
    /// much. Pausing its handler instead could stop the batch for ever.
    #[inline]
    pub(super) fn exceeded_by(&self, size: usize) -> Option<ErrorObject> {
        let (most, held) = (self.limits.max_message_out, self.limits.max_queued_bytes);
        let detail = match &self.collected {
            _ if size > most => {
                format!("the reply has {size} bytes, over the limit of {most} (`max_message_out`)")
            }
            Some(collected) if size + collected.of_batch > most => {
                format!("the replies of this batch exceed {most} bytes (`max_message_out`)")
            }
            Some(collected) if collected.waits && collected.of_all >= held => {
                format!("batches hold {held} bytes of replies (`max_queued_bytes`)")
            }
            _ => return None,
        };
        // −32005 would be wrong, since it means that the method has not run.
        Some(ErrorObject::framework_with(ErrorCode::Internal, "detail", &detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that a reply may and may not have, with the words of the error, beside these collected ones.
    fn assert_bound(collected: Option<(usize, bool, usize)>, room: usize, largest: Option<usize>, why: &str) {
        let mut limits = Limits::default();
        (limits.max_message_out, limits.max_queued_bytes) = (1000, 500);
        let collected = collected.map(|(of_batch, waits, of_all)| Collected { of_batch, waits, of_all });
        let bounds = ReplyBounds { limits: &limits, collected };
        assert_eq!(bounds.room(), room);
        if let Some(largest) = largest {
            assert_eq!(bounds.exceeded_by(largest), None);
        }
        let error = bounds.exceeded_by(largest.map_or(1, |largest| largest + 1)).expect("it is too large");
        let data = serde_json::to_string(&error).expect("it serialises");
        assert!(data.contains(why), "{data}");
    }

    #[test]
    fn a_reply_is_bounded_by_itself_and_together_with_its_batch() {
        assert_bound(None, 1000, Some(1000), "the reply has 1001 bytes, over the limit of 1000");
        let batch = |of_batch, waits, of_all| Some((of_batch, waits, of_all));
        assert_bound(batch(0, false, 0), 1000, Some(1000), "the reply has 1001 bytes");
        assert_bound(batch(600, false, 600), 400, Some(400), "the replies of this batch exceed 1000 bytes");
        assert_bound(batch(600, true, 499), 400, Some(400), "the replies of this batch exceed 1000 bytes");
        assert_bound(batch(600, true, 500), 400, None, "batches hold 500 bytes of replies");
        assert_bound(batch(990, false, 990), SHORT_ERROR, Some(10), "the replies of this batch exceed");
    }
}
