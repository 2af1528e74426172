//! Topics: groups that peers join and leave themselves, with `rpc.join` and `rpc.leave`.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::context::Context;
use crate::dispatch::Router;
use crate::message::{ErrorCode, ErrorObject, JOIN, LEAVE};
use crate::peer::Peer;

/// The params of `rpc.join`.
#[derive(Deserialize)]
struct Join {
    topic: String,
    #[serde(default)]
    params: Option<Box<RawValue>>,
}

/// The result of `rpc.join`.
#[derive(Serialize)]
struct Joined {
    serial: u64,
}

/// The params of `rpc.leave`.
#[derive(Deserialize)]
struct Leave {
    topic: String,
}

/// A peer's request to join a topic, for the hook of [`Router::topics`].
pub struct TopicJoin {
    context: Context,
    topic: String,
    params: Option<Box<RawValue>>,
}

impl TopicJoin {
    /// The topic: the name of a group, which has 1 to 256 bytes.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The params that the peer has sent for the topic. Without params, this decodes `null`.
    ///
    /// # Errors
    /// −32602 if they are not a `T`, for the peer.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, ErrorObject> {
        let text = self.params.as_ref().map_or("null", |params| params.get());
        serde_json::from_str(text).map_err(|error| ErrorObject::invalid_params(&error.to_string()))
    }

    /// The peer that wants to join.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.context.peer()
    }

    /// The context of the call, with the values that are kept with the connection.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }
}

impl Router {
    /// Lets peers join groups themselves, as topics: serves `rpc.join {topic, params}` and
    /// `rpc.leave {topic}`. `authorize_join` decides about each join and may await; if it returns an error,
    /// the peer does not join and gets the error. The application sends to the topic as to any group
    /// ([`crate::Groups::to`]).
    ///
    /// `rpc.join` returns `{"serial": n}`. If the peer has joined the topic before, that is the serial of the
    /// first join. `rpc.leave` returns whether the peer had joined; it also gives up a join that is being
    /// authorized, which then fails with −32800. It does not remove the peer from groups that the server let
    /// it join with [`crate::Groups::join`]. If the server ends the membership, the peer gets the
    /// notification `rpc.left {topic, serial, code, message}`, unless its connection has ended.
    ///
    /// Limit the rate of joins with [`crate::middleware::RateLimit`]; [`crate::Limits::max_groups`] limits
    /// their number. A client that reconnects joins again in its hook `on_connected`.
    ///
    /// ```
    /// use birpc_core::{ErrorObject, Router};
    ///
    /// struct User { rooms: Vec<String> }
    ///
    /// let router = Router::new().topics(|join| async move {
    ///     let user = join.context().get::<User>().ok_or_else(|| ErrorObject::new(1, "log in first"))?;
    ///     match user.rooms.iter().any(|room| room == join.topic()) {
    ///         true => Ok(()),
    ///         false => Err(ErrorObject::new(2, "you are not invited to this room")),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn topics<F, Fut>(self, authorize_join: F) -> Self
    where
        F: Fn(TopicJoin) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ErrorObject>> + Send + 'static,
    {
        let authorize_join = Arc::new(authorize_join);
        let join = move |context: Context, Join { topic, params }: Join| {
            let authorize_join = authorize_join.clone();
            async move {
                let pending = context.groups().begin_join(&context.peer(), &topic)?;
                authorize_join(TopicJoin { context, topic, params }).await?;
                let serial = pending.complete().await?.ok_or_else(left_meanwhile)?;
                Ok::<_, ErrorObject>(Joined { serial })
            }
        };
        let leave = |context: Context, Leave { topic }: Leave| async move {
            Ok::<_, ErrorObject>(context.groups().leave_topic(&context.peer(), &topic))
        };
        self.method(JOIN, join).method(LEAVE, leave)
    }
}

/// The answer to a join whose peer has left the topic before it was authorized.
fn left_meanwhile() -> ErrorObject {
    let detail = "the peer left the topic before the join was authorized";
    ErrorObject::framework_with(ErrorCode::Cancelled, "detail", detail)
}

impl fmt::Debug for TopicJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicJoin").field("topic", &self.topic).finish_non_exhaustive()
    }
}
