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
