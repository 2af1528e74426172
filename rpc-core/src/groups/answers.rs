//! The answers of many peers to one call.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use serde_json::value::RawValue;

use super::asking::{Answer, Asking};
use super::global_id::GlobalId;
use super::other_servers::RemoteRequest;
use super::recipients::{Recipients, within_engine};
use super::tables::Others;
use crate::error::CallError;
use crate::peer::{CallTemplate, CalledResult};

/// The answers of the peers of an audience, as a [`Stream`] or through [`Answers::next`]. See
/// [`crate::Audience::ask`].
#[must_use = "the peers are asked when the stream is polled"]
pub struct Answers<R> {
    recipients: Recipients,
    template: Result<CallTemplate<R>, CallError>,
    timeout: Duration,
    /// `None` before the first poll.
    asked: Option<Asked<R>>,
}

/// The answers of the peers of other servers.
type AnswersElsewhere = BoxStream<'static, (GlobalId, Result<Box<RawValue>, CallError>)>;

struct Asked<R> {
    here: Asking<R>,
    /// Until all of them have answered, if there are other servers.
    elsewhere: Option<AnswersElsewhere>,
}

impl<R: CalledResult> Answers<R> {
    pub(super) fn new(
        recipients: Recipients,
        template: Result<CallTemplate<R>, CallError>,
        timeout: Duration,
    ) -> Self {
        Self { recipients, template, timeout, asked: None }
    }

    /// Returns the next peer and its answer. `None` when each peer has been returned.
    ///
    /// # Cancel safety
    /// No answer is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Answer<R>> {
        poll_fn(|cx| self.poll_answer(cx)).await
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        let asked = match &mut self.asked {
            Some(asked) => asked,
            None => {
                let begun = begin(&self.recipients, &mut self.template, self.timeout);
                self.asked.insert(begun)
            }
        };
        let template = match &self.template {
            Ok(template) => template,
            Err(error) => {
                return Poll::Ready(asked.here.skip().map(|id| (id, Err(error.clone().typed()))));
            }
        };
        let here = asked.here.poll_answer(template, self.timeout, cx);
        if let Poll::Ready(Some(_)) = here {
            return here;
        }
        let Some(elsewhere) = &mut asked.elsewhere else { return here };
        match elsewhere.poll_next_unpin(cx) {
            Poll::Ready(Some((id, answer))) => Poll::Ready(Some((id, template.typed(answer)))),
            Poll::Ready(None) => {
                asked.elsewhere = None;
                here
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Finds out who is asked, and asks the other servers.
fn begin<R: CalledResult>(
    recipients: &Recipients,
    template: &mut Result<CallTemplate<R>, CallError>,
    timeout: Duration,
) -> Asked<R> {
    let (peers, others) = recipients.now();
    let ask = |others: Others| {
        let (request, sensitive) = template.as_ref().ok()?.request();
        let request = RemoteRequest::new(request.clone(), timeout, sensitive);
        if let Err(error) = within_engine(request.text().len(), &others) {
            *template = Err(error);
            return None;
        }
        Some(others.ask(recipients.target(), recipients.except(), request))
    };
    let elsewhere = others.and_then(ask);
    Asked { here: Asking::new(peers), elsewhere }
}

impl<R: CalledResult> Stream for Answers<R> {
    type Item = Answer<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        self.poll_answer(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.asked {
            None => (0, None),
            Some(Asked { here, elsewhere }) => (here.len(), elsewhere.is_none().then(|| here.len())),
        }
    }
}

impl<R> fmt::Debug for Answers<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("recipients", &self.recipients).finish_non_exhaustive()
    }
}
