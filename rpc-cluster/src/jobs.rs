//! The calls that this server makes to its own peers for other servers.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::task::{Context, Poll};

use birpc_core::__private::crates::cluster::{LocalPeers, RemoteRequest, Target, peer_id, write_outcome};
use birpc_core::GlobalId;
use bytes::Bytes;
use futures_util::stream::{AbortHandle, Abortable, BoxStream, SelectAll, abortable, once};
use futures_util::{FutureExt, StreamExt};

use crate::calls::CallId;
use crate::envelope::Request;
use crate::node_id::NodeId;
use crate::state::Served;
use crate::traces::span_of_call;

/// What one job does next.
type Step = ((NodeId, CallId), Served);

/// The calls that run. Each is a stream of what becomes of it.
pub(crate) struct Jobs {
    peers: LocalPeers,
    running: SelectAll<Abortable<BoxStream<'static, Step>>>,
    handles: HashMap<(NodeId, CallId), AbortHandle>,
}

impl Jobs {
    pub(crate) fn new(peers: LocalPeers) -> Self {
        Self { peers, running: SelectAll::new(), handles: HashMap::new() }
    }

    /// Calls a peer. Returns whether there is one.
    pub(crate) fn call(&mut self, node: NodeId, call: CallId, peer: u64, request: &Request) -> Served {
        let Some((received, span)) = received(node, request) else { return Served::Unknown };
        let called = span.in_scope(|| self.peers.call(peer_id(peer), received));
        let Some(called) = called else { return Served::Unknown };
        let id = (node, call);
        let called = instrument(called, span);
        let step = called.map(move |outcome| (id, Served::Reply(write_outcome(outcome).into())));
        self.run(id, once(step).boxed());
        Served::Accepted
    }

    /// Calls all peers of a target. Returns who they are.
    pub(crate) fn ask(
        &mut self,
        node: NodeId,
        call: CallId,
        (target, except): (&Target, &BTreeSet<GlobalId>),
        request: &Request,
    ) -> Served {
        let Some((received, span)) = received(node, request) else { return Served::Members(Vec::new()) };
        let peers = self.peers.members(target, except);
        let numbers = peers.iter().map(|peer| peer.get()).collect();
        if peers.is_empty() {
            return Served::Members(numbers);
        }
        let id = (node, call);
        let answers = span.in_scope(|| self.peers.ask(peers, received));
        let answers = answers.map(move |(peer, outcome)| {
            let outcome: Bytes = write_outcome(outcome).into();
            (id, Served::Answer { peer: peer.get(), outcome })
        });
        let end = once(async move { (id, Served::AllAnswered) });
        self.run(id, answers.chain(end).boxed());
        Served::Members(numbers)
    }

    /// Nobody waits for a job any more.
    pub(crate) fn stop(&mut self, node: NodeId, call: CallId) {
        if let Some(handle) = self.handles.remove(&(node, call)) {
            handle.abort();
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self.running.poll_next_unpin(cx) {
            Poll::Ready(Some((id, served))) => {
                if matches!(served, Served::Reply(_) | Served::AllAnswered) {
                    self.handles.remove(&id);
                }
                Poll::Ready((id, served))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn run(&mut self, id: (NodeId, CallId), steps: BoxStream<'static, Step>) {
        let (steps, handle) = abortable(steps);
        self.handles.insert(id, handle);
        self.running.push(steps);
    }
}

/// The request, and the span in which it is made; `None` if the text is not a request.
fn received(node: NodeId, request: &Request) -> Option<(RemoteRequest, tracing::Span)> {
    let Request { time_left, is_sensitive, traceparent, text } = request;
    let received = RemoteRequest::received(text, *time_left, *is_sensitive)?;
    Some((received, span_of_call(node, traceparent)))
}

async fn instrument<F: Future + Unpin>(mut future: F, span: tracing::Span) -> F::Output {
    std::future::poll_fn(|cx| span.in_scope(|| future.poll_unpin(cx))).await
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("running", &self.handles.len()).finish_non_exhaustive()
    }
}
