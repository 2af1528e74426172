//! The engine, as the node's task uses it: one message is published at a time, subscriptions are changed at
//! the same time, and nothing takes longer than it may.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use crate::backplane::{Backplane, BackplaneError, BackplaneEvent};
use crate::interest::Change;
use crate::state::{Publishing, Taken};

/// How many subscriptions are changed at the same time.
const CHANGES: usize = 64;

/// How long the engine may take for one.
const CHANGE_WITHIN: Duration = Duration::from_secs(5);

/// What the engine has done.
pub(crate) enum Progress {
    Event(BackplaneEvent),
    Published(Taken),
    Changed(Change, Result<(), BackplaneError>),
}

pub(crate) struct Engine {
    backplane: Arc<dyn Backplane>,
    /// `None` once it has ended.
    incoming: Option<BoxStream<'static, BackplaneEvent>>,
    publishing: Option<BoxFuture<'static, Taken>>,
    changes: VecDeque<Change>,
    changing: FuturesUnordered<BoxFuture<'static, (Change, Result<(), BackplaneError>)>>,
}

impl Engine {
    pub(crate) fn new(backplane: Arc<dyn Backplane>) -> Self {
        let incoming = Some(backplane.incoming());
        Self {
            backplane,
            incoming,
            publishing: None,
            changes: VecDeque::new(),
            changing: FuturesUnordered::new(),
        }
    }

    pub(crate) fn max_message(&self) -> usize {
        self.backplane.max_message()
    }

    /// Publishes a message. The one before must have ended.
    pub(crate) fn publish(&mut self, publishing: Publishing) {
        let Publishing { topic, bytes, tag, within } = publishing;
        let backplane = self.backplane.clone();
        let published = async move {
            match timeout(within, backplane.publish(&topic, bytes, tag)).await {
                Ok(Ok(())) => Taken::Yes,
                Ok(Err(_)) => Taken::No,
                Err(_) => Taken::Unknown,
            }
        };
        self.publishing = Some(published.boxed());
    }

    /// Changes a subscription, when there is room.
    pub(crate) fn change(&mut self, change: Change) {
        self.changes.push_back(change);
        self.begin_changes();
    }

    /// What the engine has done next.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        if let Some(publishing) = &mut self.publishing
            && let Poll::Ready(taken) = publishing.poll_unpin(cx)
        {
            self.publishing = None;
            return Poll::Ready(Progress::Published(taken));
        }
        if let Poll::Ready(Some((change, result))) = self.changing.poll_next_unpin(cx) {
            self.begin_changes();
            return Poll::Ready(Progress::Changed(change, result));
        }
        let Some(incoming) = &mut self.incoming else { return Poll::Pending };
        match incoming.poll_next_unpin(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(Progress::Event(event)),
            Poll::Ready(None) => {
                self.incoming = None;
                Poll::Ready(Progress::Event(BackplaneEvent::Lost))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn begin_changes(&mut self) {
        while self.changing.len() < CHANGES
            && let Some(change) = self.changes.pop_front()
        {
            let backplane = self.backplane.clone();
            let changed = async move {
                let work = async {
                    match change.subscribe {
                        true => backplane.subscribe(&change.topic).await,
                        false => {
                            backplane.unsubscribe(&change.topic).await;
                            Ok(())
                        }
                    }
                };
                let result = timeout(CHANGE_WITHIN, work).await.unwrap_or(Err(BackplaneError::Overloaded));
                (change, result)
            };
            self.changing.push(changed.boxed());
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
