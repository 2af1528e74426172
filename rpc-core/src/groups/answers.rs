//! The answers of many peers to one call.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};

use super::global_id::GlobalId;
use super::recipient::Recipient;
use super::recipients::Recipients;
use crate::error::{CallError, MethodResult};
use crate::peer::{Call, CallTemplate, CalledResult};

/// Maximum number of calls that are open at once.
const MAX_OPEN: usize = 1000;

/// Maximum size of their requests together, in bytes. One is always open.
const MAX_BYTES: usize = 64 << 20;

/// The answer of a peer, by its id.
type Answer<R> = (GlobalId, Result<<R as MethodResult>::Ok, CallError<<R as MethodResult>::Err>>);

/// The answers of the peers of an audience, as a [`Stream`] or through [`Answers::next`]. See
/// [`crate::Audience::ask`].
#[must_use = "the peers are asked when the stream is polled"]
pub struct Answers<R> {
    recipients: Recipients,
    template: Result<CallTemplate<R>, CallError>,
    timeout: Duration,
    /// Those who are still to be asked; `None` before the first poll.
    waiting: Option<vec::IntoIter<(GlobalId, Recipient)>>,
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

impl<R: CalledResult> Answers<R> {
    pub(super) fn new(
        recipients: Recipients,
        template: Result<CallTemplate<R>, CallError>,
        timeout: Duration,
    ) -> Self {
        Self { recipients, template, timeout, waiting: None, open: FuturesUnordered::new() }
    }

    /// Returns the next peer and its answer. `None` when each peer has been returned.
    ///
    /// # Cancel safety
    /// No answer is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Answer<R>> {
        poll_fn(|cx| self.poll_answer(cx)).await
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        let waiting = self.waiting.get_or_insert_with(|| self.recipients.now().into_iter());
        let template = match &self.template {
            Ok(template) => template,
            Err(error) => {
                return Poll::Ready(waiting.next().map(|(id, _)| (id, Err(error.clone().typed()))));
            }
        };
        let most = (MAX_BYTES / template.size().max(1)).clamp(1, MAX_OPEN);
        while self.open.len() < most
            && let Some((id, recipient)) = waiting.next()
        {
            self.open.push(Asked { id, call: template.call(recipient.peer().plain(), self.timeout) });
        }
        self.open.poll_next_unpin(cx)
    }
}

impl<R: CalledResult> Stream for Answers<R> {
    type Item = Answer<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        self.poll_answer(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.waiting {
            None => (0, None),
            Some(waiting) => (waiting.len() + self.open.len(), Some(waiting.len() + self.open.len())),
        }
    }
}

impl<R> fmt::Debug for Answers<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("recipients", &self.recipients).finish_non_exhaustive()
    }
}
