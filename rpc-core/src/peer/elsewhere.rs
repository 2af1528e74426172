//! A peer of another server. It has no connection here: calls and notifications are passed on by what
//! connects the servers.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Peer;
use super::deadline::Deadline;
use super::layer::{Layer, OutgoingCall, Running};
use crate::config::Config;
use crate::error::CallError;
use crate::message::{RequestText, within};
use crate::shared_state::SharedState;

/// The timeout of a call that has none.
const TIMEOUT: Duration = Duration::from_secs(60);

const NO_PROGRESS: &str = "reports of progress do not cross servers; the peer is connected to another one";

/// The handle's end for a peer of another server. All its handles have the same innermost layer, which passes
/// on what is sent.
pub(crate) struct Elsewhere {
    /// Differs from the ids of this server's connections.
    id: u64,
    /// The server's random id, and the number of the connection there.
    place: (u128, u64),
    config: Arc<Config>,
    layer: Arc<Layer>,
    /// A connection that has ended, for everything that needs one.
    unconnected: Arc<SharedState>,
}

/// What is sent to a peer of another server.
pub(crate) enum SentElsewhere {
    Call {
        request: RequestText,
        timeout: Duration,
        /// Whether errors must not show the result.
        sensitive: bool,
    },
    /// A whole message.
    Notification(Bytes),
}

/// A call or notification on its way to another server. The result of a notification is ignored.
pub(crate) type SendingElsewhere = Pin<Box<dyn Future<Output = Result<Box<RawValue>, CallError>> + Send>>;

impl Elsewhere {
    pub(super) fn new(
        id: u64,
        place: (u128, u64),
        config: Arc<Config>,
        send: impl Fn(SentElsewhere) -> SendingElsewhere + Send + Sync + 'static,
    ) -> Self {
        let layer = Layer::new(move |call| start(&call, &send), None);
        Self { id, place, config, layer: Arc::new(layer), unconnected: SharedState::unconnected() }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn place(&self) -> (u128, u64) {
        self.place
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub(super) fn layer(&self) -> Arc<Layer> {
        self.layer.clone()
    }

    pub(super) fn unconnected(&self) -> &Arc<SharedState> {
        &self.unconnected
    }
}

/// Starts to send, in the task that awaits the call.
fn start(call: &OutgoingCall, send: &impl Fn(SentElsewhere) -> SendingElsewhere) -> Running {
    let timeout = call.peer().timeout.unwrap_or(TIMEOUT);
    let mut sending = match sent(call, timeout) {
        Ok(sent) => send(sent),
        Err(error) => return Box::pin(std::future::ready(Err(error))),
    };
    let mut deadline = Deadline::after(&call.peer().current(), timeout);
    Box::pin(poll_fn(move |cx| match sending.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(ended),
        Poll::Pending => deadline.poll(cx).map(|()| Err(CallError::TimedOut)),
    }))
}

fn sent(call: &OutgoingCall, timeout: Duration) -> Result<SentElsewhere, CallError> {
    if call.progress().is_some() {
        return Err(CallError::unsendable(NO_PROGRESS));
    }
    let limit = call.peer().limits().max_message_out;
    let request = call.encode().and_then(|request| request.within(limit)).map_err(CallError::unsendable)?;
    if !call.is_notification() {
        return Ok(SentElsewhere::Call { request, timeout, sensitive: call.is_sensitive() });
    }
    let text = request.finish_notification();
    within(text.len(), limit).map_err(CallError::unsendable)?;
    Ok(SentElsewhere::Notification(text))
}

impl Peer {
    /// A handle for a peer of another server. `id` must differ from those of this server's connections;
    /// `place` is the server's random id, and the number of the connection there. Calls and notifications are
    /// passed to `send`.
    pub(crate) fn elsewhere(
        id: u64,
        place: (u128, u64),
        config: Arc<Config>,
        send: impl Fn(SentElsewhere) -> SendingElsewhere + Send + Sync + 'static,
    ) -> Self {
        Self::at(super::Endpoint::Elsewhere(Arc::new(Elsewhere::new(id, place, config, send))))
    }

    /// The place of a peer of another server; `None` if it is connected to this one.
    pub(crate) fn place(&self) -> Option<(u128, u64)> {
        self.endpoint.elsewhere().map(Elsewhere::place)
    }
}
