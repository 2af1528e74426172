//! A peer of another server, as a handle that calls it through the other servers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::global_id::GlobalId;
use super::other_servers::RemoteRequest;
use super::recipients::within_engine;
use super::registry::Registry;
use super::tables::Others;
use crate::close::CloseReason;
use crate::config::Config;
use crate::error::CallError;
use crate::peer::{Peer, SendingElsewhere, SentElsewhere};

/// Makes a handle for a peer of another server. All handles of the same peer are equal.
pub(super) fn peer_elsewhere(registry: &Arc<Registry>, id: GlobalId) -> Peer {
    let settings = registry.settings();
    let mut config = Config::default().limits(|limits| limits.max_message_out = settings.max_message);
    config.call_timeout = settings.call_timeout;
    config.shared.get_or_init(|| registry.clone());
    let registry = registry.clone();
    let send = move |sent| -> SendingElsewhere {
        match registry.others() {
            Some(others) => send(&others, id, sent).unwrap_or_else(failed),
            None => failed(alone()),
        }
    };
    let (node, peer) = (id.node(), id.peer().get());
    Peer::elsewhere(local_id(id), (node, peer), Arc::new(config), send)
}

fn send(others: &Others, id: GlobalId, sent: SentElsewhere) -> Result<SendingElsewhere, CallError> {
    Ok(match sent {
        SentElsewhere::Call { request, timeout, sensitive } => {
            let request = RemoteRequest::new(request, timeout, sensitive);
            within_engine(request.text().len(), others)?;
            others.call(id, request)
        }
        SentElsewhere::Notification(text) => {
            within_engine(text.len(), others)?;
            let sending = others.notify(id, text);
            Box::pin(async move { sending.await.map(|()| RawValue::NULL.to_owned()) })
        }
    })
}

fn failed(error: CallError) -> SendingElsewhere {
    Box::pin(std::future::ready(Err(error)))
}

/// The server has left the others since the handle was made.
fn alone() -> CallError {
    let reason = CloseReason::lost("this server is not connected to others any more");
    CallError::Disconnected { reason, sent: false }
}

/// The ids of this server's connections are counted from 1, so they never have the highest bit.
fn local_id(id: GlobalId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish() | 1 << 63
}
