//! The other servers, as this server's groups use them: passes everything on to the node's task.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc_core::__private::crates::cluster::{
    Message, OtherServers, PresenceKey, RemoteRequest, Target, global_id, global_id_parts,
};
use birpc_core::{CallError, GlobalId, GroupError, Meta, Remote};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{BoxStream, unfold};
use tokio::sync::oneshot;

use crate::asks::Item;
use crate::backplane::BackplaneError;
use crate::barriers::Joined;
use crate::envelope::{EntryKey, MAX_ENVELOPE, RemotePeer, Request, SendWord};
use crate::inbox::Inbox;
use crate::node_id::NodeId;
use crate::outcomes::{CallResult, ended, lost, result};
use crate::state::{Command, Ticket};
use crate::traces::Traces;
use crate::waiter::{AskReceiver, Waiter, ask_channel};

/// How the groups reach the node's task.
#[derive(Debug)]
pub(crate) struct Links {
    own: NodeId,
    inbox: Arc<Inbox>,
    max_message: Arc<AtomicUsize>,
    traces: Traces,
}

impl Links {
    /// `max_message`: that of the engine, which may change.
    pub(crate) fn new(own: NodeId, inbox: Arc<Inbox>, max_message: Arc<AtomicUsize>, traces: Traces) -> Self {
        Self { own, inbox, max_message, traces }
    }

    fn request(&self, request: &RemoteRequest) -> Request {
        Request {
            time_left: request.timeout(),
            is_sensitive: request.is_sensitive(),
            traceparent: self.traces.current(),
            text: Bytes::copy_from_slice(request.text()),
        }
    }

    /// The peers of other servers among these: those of this one are not known elsewhere.
    fn others(&self, peers: &BTreeSet<GlobalId>) -> Vec<RemotePeer> {
        let peers = peers.iter().map(|peer| remote_peer(*peer));
        peers.filter(|peer| peer.node != self.own).collect()
    }

    fn published(&self, command: Command, size: usize) -> BoxFuture<'static, bool> {
        let (sender, receiver) = oneshot::channel();
        match self.inbox.command(command, Waiter::Published(sender), size) {
            Some(_) => receiver.map(|published| published.unwrap_or(false)).boxed(),
            None => ready(false).boxed(),
        }
    }

    fn forget_on_drop(&self, ticket: Ticket) -> Forget {
        Forget { inbox: self.inbox.clone(), ticket: Some(ticket) }
    }
}

impl OtherServers for Links {
    fn set_wanted(&self, target: &Target, wanted: bool) {
        self.inbox.want(target, wanted);
    }

    fn proved(&self, target: &Target) -> BoxFuture<'static, Result<Remote, GroupError>> {
        let (sender, receiver) = oneshot::channel();
        let waiter = Waiter::Waited(target.clone(), sender);
        let Some(ticket) = self.inbox.command(Command::Wait { target: target.clone() }, waiter, 0) else {
            return ready(Ok(Remote::Unreachable)).boxed();
        };
        let forget = self.forget_on_drop(ticket);
        let proved = async move {
            let waited = receiver.await;
            forget.disarm();
            match waited {
                Ok(Ok(Joined::Proved)) => Ok(Remote::Published),
                Ok(Ok(Joined::Unreachable)) | Err(_) => Ok(Remote::Unreachable),
                Ok(Err(BackplaneError::Refused(why))) => Err(GroupError::Refused(why)),
                Ok(Err(other)) => Err(GroupError::Refused(other.to_string())),
            }
        };
        proved.boxed()
    }

    fn max_text(&self) -> usize {
        self.max_message.load(Ordering::Relaxed).saturating_sub(MAX_ENVELOPE)
    }

    fn publish(
        &self,
        target: &Target,
        except: &BTreeSet<GlobalId>,
        message: Message,
    ) -> BoxFuture<'static, Remote> {
        let except = self.others(except);
        let (word, size) = match message {
            Message::Notification(text) => {
                let size = text.len();
                (SendWord::Notification { except, text }, size)
            }
            Message::Close(frame) => {
                let (code, reason) = (frame.code().get(), frame.reason().to_owned());
                (SendWord::Close { except, code, reason }, 0)
            }
        };
        let published = self.published(Command::Publish { target: target.clone(), word }, size);
        published.map(|published| if published { Remote::Published } else { Remote::Unreachable }).boxed()
    }

    fn call(&self, peer: GlobalId, request: RemoteRequest) -> BoxFuture<'static, CallResult> {
        let peer = remote_peer(peer);
        let request = self.request(&request);
        let size = request.text.len();
        let (sender, receiver) = oneshot::channel();
        let command = Command::Call { peer, request };
        let Some(ticket) = self.inbox.command(command, Waiter::Called(sender), size) else {
            return ready(Err(lost("the other servers cannot be reached", false))).boxed();
        };
        let forget = self.forget_on_drop(ticket);
        let called = async move {
            let end = receiver.await;
            forget.disarm();
            end.map_or_else(|_| Err(lost("this server has left the others", true)), result)
        };
        called.boxed()
    }

    fn notify(&self, peer: GlobalId, text: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        let (size, limit) = (text.len(), self.max_text());
        if size > limit {
            let why = format!("the message has {size} bytes, over the limit of {limit} between servers");
            return ready(Err(CallError::Unsendable(why.into()))).boxed();
        }
        let published = self.published(Command::Notify { peer: remote_peer(peer), text }, size);
        let told = published.map(|published| match published {
            true => Ok(()),
            false => Err(lost("the other servers cannot be reached", false)),
        });
        told.boxed()
    }

    fn ask(
        &self,
        target: &Target,
        except: &BTreeSet<GlobalId>,
        request: RemoteRequest,
    ) -> BoxStream<'static, (GlobalId, CallResult)> {
        let request = self.request(&request);
        let size = request.text.len();
        let (sender, receiver) = ask_channel();
        let command = Command::Ask { target: target.clone(), except: self.others(except), request };
        let Some(ticket) = self.inbox.command(command, Waiter::Asked(sender), size) else {
            return futures_util::stream::empty().boxed();
        };
        let forget = self.forget_on_drop(ticket);
        unfold((receiver, forget), next_answer).boxed()
    }

    fn count(&self, target: &Target) -> BoxFuture<'static, usize> {
        let (sender, receiver) = oneshot::channel();
        let command = Command::Count { target: target.clone() };
        match self.inbox.command(command, Waiter::Counted(sender), 0) {
            None => ready(0).boxed(),
            Some(ticket) => {
                let forget = self.forget_on_drop(ticket);
                let counted = async move {
                    let count = receiver.await.unwrap_or(0);
                    forget.disarm();
                    usize::try_from(count).unwrap_or(usize::MAX)
                };
                counted.boxed()
            }
        }
    }

    fn presence_changed(&self, entry: &PresenceKey, meta: Option<&Meta>) {
        let PresenceKey { group, key, peer } = entry;
        let key = EntryKey { group: group.clone(), key: key.clone(), peer: peer.get() };
        let meta = meta.map(|meta| Bytes::copy_from_slice(meta.json().get().as_bytes()));
        self.inbox.change_presence(key, meta);
    }
}

async fn next_answer(
    (mut receiver, forget): (AskReceiver, Forget),
) -> Option<((GlobalId, CallResult), (AskReceiver, Forget))> {
    let answer = match receiver.recv().await {
        Some(Item::Member(node, peer, end)) => (global_id(node.0, peer), ended(end)),
        Some(Item::Node(node)) => {
            (global_id(node.0, 0), Err(lost("the server has not said who its peers are", true)))
        }
        Some(Item::Over) | None => {
            forget.disarm();
            return None;
        }
    };
    Some((answer, (receiver, forget)))
}

fn remote_peer(id: GlobalId) -> RemotePeer {
    let (node, peer) = global_id_parts(id);
    RemotePeer { node: NodeId(node), peer }
}

/// Tells the node that nobody waits any more, when it is dropped before the end.
struct Forget {
    inbox: Arc<Inbox>,
    ticket: Option<Ticket>,
}

impl Forget {
    fn disarm(mut self) {
        self.ticket = None;
    }
}

impl Drop for Forget {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.inbox.forget(ticket);
        }
    }
}
