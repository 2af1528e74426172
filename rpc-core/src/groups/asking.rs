//! One call to many peers of this server.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::global_id::GlobalId;
use super::recipient::Recipient;
use crate::error::{CallError, MethodResult};
use crate::peer::{Call, CallTemplate, CalledResult};

/// Maximum number of calls that are open at once.
const MAX_OPEN: usize = 1000;

/// Maximum size of their requests together, in bytes. One is always open.
const MAX_BYTES: usize = 64 << 20;

/// The answer of a peer, by its id.
pub(super) type Answer<R> = (GlobalId, Result<<R as MethodResult>::Ok, CallError<<R as MethodResult>::Err>>);

/// The calls to these peers. Dropping it cancels them.
pub(super) struct Asking<R> {
    /// Those who are still to be called.
    waiting: vec::IntoIter<(GlobalId, Recipient)>,
    open: FuturesUnordered<Asked<R>>,
}

struct Asked<R> {
    id: GlobalId,
    call: Call<R>,
}

impl<R: CalledResult> Future for Asked<R> {
    type Output = Answer<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<R>> {
        let answer = ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready((self.id, answer))
    }
}

impl<R> Asking<R> {
    pub(super) fn new(peers: Vec<(GlobalId, Recipient)>) -> Self {
        Self { waiting: peers.into_iter(), open: FuturesUnordered::new() }
    }

    /// The number of peers that have not answered.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.open.len()
    }

    /// Returns the next of those who are still to be called. It is not called then.
    pub(super) fn skip(&mut self) -> Option<GlobalId> {
        self.waiting.next().map(|(id, _)| id)
    }
}

impl<R: CalledResult> Asking<R> {
    /// Calls further peers while there is room, and returns the next answer. `timeout` counts for each call.
    pub(super) fn poll_answer(
        &mut self,
        template: &CallTemplate<R>,
        timeout: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Answer<R>>> {
        let most = (MAX_BYTES / template.size().max(1)).clamp(1, MAX_OPEN);
        while self.open.len() < most
            && let Some((id, recipient)) = self.waiting.next()
        {
            self.open.push(Asked { id, call: template.call(recipient.peer().plain(), timeout) });
        }
        self.open.poll_next_unpin(cx)
    }
}
