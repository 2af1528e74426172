//! Tells the peer that it may send more notifications, and detects that handlers of both sides wait for each
//! other.

use std::task::Context;

use super::ending::Ending;
use super::outbound::Outbound;
use super::serving::Serving;
use super::step::Step;
use crate::close::CloseCode;
use crate::message::Totals;
use crate::shared_state::SharedState;
use crate::transport::{Transport, TransportError};

/// Tells the peer that it may send more notifications, unless `max_open` calls are open. If then all of their
/// handlers await the peer, and the peer may send nothing, the handlers of both sides may wait for each
/// other. In that case returns a number that changes when either side makes progress.
#[inline]
pub(super) fn tell<T: Transport>(
    shared: &SharedState,
    serving: &mut Serving,
    outbound: &mut Outbound<T>,
    cx: &mut Context<'_>,
) -> Result<Option<u64>, TransportError> {
    if !shared.as_credit().is_allow_due() {
        return Ok(None);
    }
    if serving.is_full() {
        return Ok(mark(shared, serving));
    }
    if let Some(word) = shared.as_credit().take_allow() {
        outbound.count_unsolicited(word.len());
        outbound.send_reply(word, serving, &mut Step::new(cx))?;
    }
    Ok(None)
}

/// A number that changes when a handler ends or the peer allows more; `None` while some handler does not
/// wait, or the peer may send.
fn mark(shared: &SharedState, serving: &Serving) -> Option<u64> {
    let finished = serving.all_wait()?;
    let Totals { items, bytes } = shared.as_credit().allowed_by_silenced()?;
    Some(finished.wrapping_add(items).wrapping_add(bytes))
}

/// The end of a connection on which neither side has made progress for too long.
pub(super) fn circle(shared: &SharedState, serving: &Serving) -> Ending {
    tracing::warn!(
        connection = shared.id(),
        remote_addr = shared.info().remote_addr_field(),
        open = serving.open(),
        "a connection closes: max_open handlers await the peer, and the peer's notifications wait for these \
         handlers (max_open, write_stall)"
    );
    Ending::violation(CloseCode::TRY_AGAIN_LATER, "handlers of both sides wait for each other (max_open)")
}
