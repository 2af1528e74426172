//! The shared state, as the connection's task uses it for streams: it enters the streams of the peer's calls,
//! and handles the peer's messages about streams.

use std::task::Waker;

use bytes::Bytes;

use super::log_once::warn_stream;
use super::{QueuedFrame, SharedState, State};
use crate::message::{Elements, Id, Totals, Word};
use crate::multiplexer::{CallStreams, Failed, TooManyStreams};

/// The operations of the connection's task.
#[derive(Clone, Copy)]
pub(crate) struct StreamSide<'a>(&'a SharedState);

impl<'a> StreamSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Enters the streams of a call of the peer.
    pub(crate) fn accept_call(
        self,
        id: &Id,
        credit: Option<Totals>,
        arguments: &[u16],
    ) -> Result<CallStreams, TooManyStreams> {
        let limits = &self.0.config.limits;
        self.0.state().streams.or_new(limits).accept_call(id, credit, arguments)
    }

    /// Removes the streams of a call of the peer that is answered.
    pub(crate) fn finish_call(self, id: &Id) {
        let mut state = self.0.state();
        let woken = state.streams.get().map(|streams| streams.finish_call(id)).unwrap_or_default();
        drop(state);
        wake(woken);
    }

    /// Ends the streams of a call that the peer has cancelled, or that has failed.
    pub(crate) fn cancel_incoming(self, id: &Id) {
        let mut state = self.0.state();
        let woken = state.streams.get().map(|streams| streams.cancel_incoming(id)).unwrap_or_default();
        drop(state);
        wake(woken);
    }

    /// Handles a word of the peer. `text` is the message that contains it. Returns the call of the peer that
    /// fails because of it.
    pub(crate) fn handle_word(self, word: Word<'_>, text: &Bytes) -> Option<(Id, Failed)> {
        let (mut woken, mut failed, mut excess) = (Vec::new(), None, false);
        let mut state = self.0.state();
        let streams = state.streams.get()?;
        match word {
            Word::Item { id, items } => {
                let id = id.as_number()?;
                let received = streams.handle_items(id, texts(items, text));
                woken.extend(received.waker.into_iter().chain(received.others));
                excess = received.excess;
                if excess {
                    let removed = state.calls.remove(id);
                    if removed.sent {
                        state.tell_cancelled(&self.0.dialect, id, "its stream sent more than was granted");
                    }
                    woken.extend(removed.waiter);
                }
            }
            Word::More { id, total } => woken.extend(streams.handle_more(&id, total)),
            Word::Push { id, stream, items } => {
                let pushed = streams.handle_push(&id, stream, texts(items, text));
                woken.extend(pushed.waker.into_iter().chain(pushed.others));
                failed = pushed.failed.map(|why| (id, why));
            }
            Word::Done { id, stream, error } => woken.extend(streams.handle_done(&id, stream, error)),
            Word::Want { id, stream, total } => {
                woken.extend(id.as_number().and_then(|id| streams.handle_want(id, stream, total)));
            }
            Word::Stop { id, stream } => {
                woken.extend(id.as_number().and_then(|id| streams.handle_stop(id, stream)));
            }
            Word::Allow { .. } => {}
        }
        drop(state);
        wake(woken);
        self.0.driver_waker.notify();
        if let Some((_, why)) = &failed {
            warn_stream(self.0, &why.error());
        } else if excess {
            warn_stream(self.0, &Failed::Excess.error());
        }
        failed
    }

    /// Ends the streams that would never end by themselves, because this side drains.
    pub(crate) fn drain(self) {
        let mut state = self.0.state();
        let woken = state.streams.drain();
        drop(state);
        wake(woken);
    }

    /// What is left of streams, if anything is.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn left(self) -> Option<String> {
        let mut state = self.0.state();
        state.streams.get().filter(|streams| !streams.is_at_rest()).map(|streams| format!("{streams:?}"))
    }
}

/// Returns the items as slices of one copy of their message. If the message is large, or has much that is no
/// item, each item is a copy of its own: credit counts the items alone, so they must not keep what else is in
/// the message or its batch.
fn texts<'a>(items: Elements<'a>, text: &'a Bytes) -> impl Iterator<Item = Bytes> + 'a {
    const SMALL: usize = 256;
    const LARGE: usize = 2 << 10;
    let shares = text.len() < SMALL || (text.len() < LARGE && is_dense(items.rest(), text.len()));
    let kept = shares.then(|| Bytes::copy_from_slice(text));
    let start = text.as_ptr() as usize;
    items.map(move |item| match &kept {
        Some(kept) => {
            let at = item.as_ptr() as usize - start;
            kept.slice(at..at + item.len())
        }
        None => Bytes::copy_from_slice(item.as_bytes()),
    })
}

/// Whether items are a good part of a message of this size. A space within an item counts like one beside it.
fn is_dense(items: &str, message: usize) -> bool {
    2 * items.len() >= message && 2 * spaces(items.as_bytes()) <= message
}

/// Counts spaces in pieces whose count fits into a byte, so that the compiler compares many bytes at a time:
/// this looks at each message with several items.
fn spaces(text: &[u8]) -> usize {
    let in_piece = |piece: &[u8]| piece.iter().map(|byte| u8::from(*byte <= b' ')).sum::<u8>();
    text.chunks(128).map(|piece| usize::from(in_piece(piece))).sum()
}

/// Wakes tasks. Called outside of the lock.
pub(super) fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// Queues a word, unless the connection is ending.
pub(super) fn push_word(state: &mut State, text: Bytes) {
    if state.life.ending().is_none() {
        state.write_queue.push(QueuedFrame::Reply(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ParsedWord;

    #[test]
    fn items_share_a_copy_only_if_the_message_has_little_else() {
        let items = |id: &str, between: &str, count: usize| {
            let items = vec!["\"0123456789\""; count].join(&format!(",{between}"));
            let text = Bytes::from(format!("[{id},0,{items}]"));
            let params = std::str::from_utf8(&text).expect("it is ASCII");
            let ParsedWord::Word(Word::Push { items, .. }) = Word::parse("rpc.push", Some(params)) else {
                panic!("{params} are the params of no word");
            };
            let kept: Vec<_> = texts(items, &text).collect();
            // Slices of one copy are as far apart as in the message.
            let apart = (kept[1].as_ptr() as usize).wrapping_sub(kept[0].as_ptr() as usize);
            apart == 13 + between.len() && kept.len() == count
        };
        assert!(items("1", "", 2) && items("1", "", 100), "dense");
        assert!(!items("1", "", 1000), "large");
        assert!(!items("1", &" ".repeat(1000), 2), "padded");
        assert!(!items(&format!("\"{}\"", "x".repeat(1000)), "", 2), "a large id");
    }

    #[test]
    fn an_item_does_not_keep_its_message() {
        for space in [0, 10_000] {
            let text = Bytes::from(format!("[1,0,\"item\"{}]", " ".repeat(space)));
            let params = std::str::from_utf8(&text).expect("it is ASCII");
            let ParsedWord::Word(Word::Push { items, .. }) = Word::parse("rpc.push", Some(params)) else {
                panic!("{params} are the params of no word");
            };
            let items: Vec<_> = texts(items, &text).collect();
            assert_eq!(items, ["\"item\""]);
            assert!(!text.as_ptr_range().contains(&items[0].as_ptr()), "with {space} bytes of space");
        }
    }
}
