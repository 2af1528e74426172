//! The methods of the testbed that send to groups, users and all, and call their members.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use birpc::{
    Audience, CallError, Context, ErrorObject, GlobalId, Groups, Meta, Peer, PresenceEvent, Remote, Sent,
    ServerHandle, Streaming, rpc,
};
use futures_util::StreamExt;
use serde::Serialize;

use crate::Json;
use crate::node;

/// Groups, by method name, for programs in other languages.
#[rpc(schema)]
pub(crate) trait Members {
    /// Makes this connection belong to a user, instead of the former one.
    async fn login(&self, cx: &Context, user: String) -> Result<(), ErrorObject>;
    /// The global id of this connection.
    async fn id(&self, cx: &Context) -> Result<GlobalId, ErrorObject>;
    /// Joins a group.
    async fn join(&self, cx: &Context, group: String) -> Result<(), ErrorObject>;
    /// Leaves a group. Returns whether this connection was a member.
    async fn leave(&self, cx: &Context, group: String) -> Result<bool, ErrorObject>;
    /// Notifies the members of a group, except this connection if `but_me`.
    async fn send(
        &self,
        cx: &Context,
        group: String,
        method: String,
        params: Option<Json>,
        but_me: Option<bool>,
    ) -> Result<Reached, ErrorObject>;
    /// Notifies the connections of a user.
    async fn send_user(
        &self,
        user: String,
        method: String,
        params: Option<Json>,
    ) -> Result<Reached, ErrorObject>;
    /// Notifies all connections.
    async fn send_all(&self, method: String, params: Option<Json>) -> Result<Reached, ErrorObject>;
    /// Calls each member of a group. Returns the answer of each.
    async fn ask(
        &self,
        group: String,
        method: String,
        params: Option<Json>,
        timeout_ms: u64,
    ) -> Result<Vec<Answer>, ErrorObject>;
    /// Calls one connection.
    async fn call_peer(
        &self,
        id: String,
        method: String,
        params: Option<Json>,
        timeout_ms: u64,
    ) -> Result<Json, ErrorObject>;
    /// Makes this connection present in a group under a key.
    async fn track(&self, cx: &Context, group: String, key: String, meta: Json) -> Result<(), ErrorObject>;
    /// Who is present in a group.
    async fn members(&self, group: String) -> Result<BTreeMap<String, Vec<Meta>>, ErrorObject>;
    /// Who is present in a group, and then each change.
    async fn watch(&self, group: String) -> Result<Streaming<PresenceEvent>, ErrorObject>;
    /// The servers that share these groups: this one.
    async fn nodes(&self, cx: &Context) -> Result<Vec<Node>, ErrorObject>;
    /// The losses of messages between servers, by group: none.
    async fn gaps(&self) -> Result<BTreeMap<String, u64>, ErrorObject>;
}

/// How many connections of this server have got a notification, and whether others have been reached.
#[derive(Serialize, serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Reached {
    local: usize,
    remote: String,
}

impl From<Sent> for Reached {
    fn from(sent: Sent) -> Self {
        let remote = match sent.remote {
            Remote::Published => "published",
            Remote::Unreachable => "unreachable",
            _ => "none",
        };
        Self { local: sent.local, remote: remote.into() }
    }
}

/// The answer of a member: a result or an error.
#[derive(Serialize, serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Answer {
    peer: GlobalId,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
}

/// A server, by the id that begins the global ids of its connections.
#[derive(Serialize, serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Node {
    node: String,
    name: String,
    load: usize,
}

/// The data of an error of a call that has no answer.
#[derive(Serialize)]
struct NoAnswer {
    kind: &'static str,
    sent: bool,
}

pub(crate) struct Server {
    handle: ServerHandle,
    /// The name that the command line gives to this server.
    name: String,
    node: Arc<node::Node>,
}

impl Server {
    pub(crate) fn new(handle: ServerHandle, node: Arc<node::Node>) -> Self {
        Self { handle, name: crate::option("--node").unwrap_or_default(), node }
    }

    fn groups(&self) -> Groups {
        self.handle.groups()
    }
}

/// The error of a call: that of the peer, or 20 if it has not answered.
fn no_answer(error: CallError) -> ErrorObject {
    let (sent, text) = (error.may_have_run(), error.to_string());
    let kind = match error {
        CallError::Method(error) | CallError::Rpc(error) => return error,
        CallError::Disconnected { .. } => "disconnected",
        CallError::TimedOut => "timed_out",
        CallError::Unsendable(_) => "unsendable",
        _ => "refused",
    };
    ErrorObject::new(20, text).with_data(&NoAnswer { kind, sent })
}

async fn notify(to: Audience, method: &str, params: Option<Json>) -> Result<Reached, ErrorObject> {
    match to.send(|peer: &Peer| peer.notify(method, params)).await {
        Ok(sent) => Ok(sent.into()),
        Err(error) => Err(ErrorObject::new(-32005, error.to_string())),
    }
}

impl Members for Server {
    async fn login(&self, cx: &Context, user: String) -> Result<(), ErrorObject> {
        self.groups().set_user(&cx.peer(), &user).await?;
        Ok(())
    }

    async fn id(&self, cx: &Context) -> Result<GlobalId, ErrorObject> {
        Ok(cx.peer().global_id())
    }

    async fn join(&self, cx: &Context, group: String) -> Result<(), ErrorObject> {
        self.groups().join(&cx.peer(), &group).await?;
        Ok(())
    }

    async fn leave(&self, cx: &Context, group: String) -> Result<bool, ErrorObject> {
        Ok(self.groups().leave(&cx.peer(), &group).await)
    }

    async fn send(
        &self,
        cx: &Context,
        group: String,
        method: String,
        params: Option<Json>,
        but_me: Option<bool>,
    ) -> Result<Reached, ErrorObject> {
        let to = self.groups().to(&group);
        let to = if but_me.unwrap_or(false) { to.except(cx.peer().global_id()) } else { to };
        notify(to, &method, params).await
    }

    async fn send_user(
        &self,
        user: String,
        method: String,
        params: Option<Json>,
    ) -> Result<Reached, ErrorObject> {
        notify(self.groups().user(&user), &method, params).await
    }

    async fn send_all(&self, method: String, params: Option<Json>) -> Result<Reached, ErrorObject> {
        notify(self.groups().all(), &method, params).await
    }

    async fn ask(
        &self,
        group: String,
        method: String,
        params: Option<Json>,
        timeout_ms: u64,
    ) -> Result<Vec<Answer>, ErrorObject> {
        let to = self.groups().to(&group).timeout(Duration::from_millis(timeout_ms));
        let answers = to.ask(|peer: &Peer| peer.call::<Json>(&method, params));
        // A node that has not named its members is left out.
        let members = answers.filter(|(peer, _)| std::future::ready(!peer.is_server()));
        let named = members.map(|(peer, answer)| match answer {
            Ok(result) => Answer { peer, result: Some(result), error: None },
            Err(error) => Answer { peer, result: None, error: Some(no_answer(error)) },
        });
        Ok(named.collect().await)
    }

    async fn call_peer(
        &self,
        id: String,
        method: String,
        params: Option<Json>,
        timeout_ms: u64,
    ) -> Result<Json, ErrorObject> {
        let Ok(id) = id.parse() else {
            let error = ErrorObject::new(20, "no connection has this id");
            return Err(error.with_data(&NoAnswer { kind: "disconnected", sent: false }));
        };
        let peer: Peer = self.groups().member(id).client();
        let call = peer.call(&method, params).with_timeout(Duration::from_millis(timeout_ms));
        call.await.map_err(no_answer)
    }

    async fn track(&self, cx: &Context, group: String, key: String, meta: Json) -> Result<(), ErrorObject> {
        Ok(self.groups().track(&cx.peer(), &group, &key, meta).await?)
    }

    async fn members(&self, group: String) -> Result<BTreeMap<String, Vec<Meta>>, ErrorObject> {
        match self.groups().presence(&group).next().await {
            Some(PresenceEvent::State(keys)) => Ok(keys),
            _ => Ok(BTreeMap::new()),
        }
    }

    async fn watch(&self, group: String) -> Result<Streaming<PresenceEvent>, ErrorObject> {
        Ok(Streaming::from_stream(self.groups().presence(&group)))
    }

    async fn nodes(&self, cx: &Context) -> Result<Vec<Node>, ErrorObject> {
        let listed = node::list(&self.node).unwrap_or_else(|| {
            let id = cx.peer().global_id().to_string();
            let node = id.split('-').next().unwrap_or_default().to_owned();
            vec![(node, self.name.clone(), self.handle.peers().len())]
        });
        Ok(listed.into_iter().map(|(node, name, load)| Node { node, name, load }).collect())
    }

    async fn gaps(&self) -> Result<BTreeMap<String, u64>, ErrorObject> {
        Ok(self.groups().gaps())
    }
}
