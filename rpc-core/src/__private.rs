//! The parts of the core that generated code and birpc's other crates need. Nothing here is part of the API:
//! any release may change it.
//!
//! Generated code reaches these items through `birpc::__private`. birpc's other crates use [`crates`]; their
//! version is always the same as the core's.

pub use std::clone::Clone;
pub use std::convert::From;
pub use std::default::Default;
pub use std::fmt::{self, Result as Fmt};
pub use std::future::Future;
pub use std::marker::{PhantomData, Send, Sized, Sync};
pub use std::option::Option::{self, None, Some};
pub use std::result::Result::{self, Err, Ok};
pub use std::string::{String, ToString};
pub use std::sync::Arc;
pub use std::time::Duration;

/// The argument of `fmt`.
pub type Format<'a, 'b> = &'a mut fmt::Formatter<'b>;

#[cfg(feature = "dyn")]
pub use async_trait::async_trait;
#[cfg(feature = "schema")]
pub use schemars::JsonSchema;
pub use serde::{Serialize, de::DeserializeOwned};

pub use crate::config::Overflow;
pub use crate::context::Context;
#[cfg(feature = "schema")]
pub use crate::contract::{
    Describe, DescribeError, ErrorType, Service as Description, Types,
    describing::{Describing, object},
    types::{DescribedParam, DescribedResult},
};
pub use crate::dispatch::{Parameters, Router, Routes, ServedBody, ServedParam, ServedResult, Service};
pub use crate::error::{
    AsParams, AsSubscription, BlockingParam, BlockingReply, ErrorText, IdempotentParam, InBlocking,
    InIdempotent, InNotification, InSubscription, MethodResult, NotificationParam, OnWire, Only, OnlySent,
    Param, Received, ReceivedReply, ReceivedType, Reply, ResultType, RpcError, Sent, SentType, SingleParam,
    SubscriptionParam, SubscriptionReply, WireType, error, error_data, error_fields, error_only, error_text,
    error_with,
};
pub use crate::message::{ErrorObject, Fields, Given, Named, Null, Params, Single, SingleWith};
pub use crate::peer::{
    Batch, BatchCall, BatchCalls, Call, CalledBody, CalledParam, CalledResult, CalledTuple, Notify, Peer,
    SentParams,
};
pub use crate::peer::{batch, batch_call, batch_notification, notification, request, sensitive, subscribed};
pub use crate::redact::{Marks, Sensitive};
pub use crate::subscription::{BadEnd, SubscriptionForm, SubscriptionIds, subscription_form};

/// The parts that `birpc-server` and `birpc-client` need.
pub mod crates {
    use std::future::Future;
    use std::hash::{BuildHasher, RandomState};
    use std::pin::Pin;
    use std::sync::Arc;
    use std::time::Duration;

    use crate::close::CloseReason;
    use crate::config::Config;
    use crate::connection::Connection;
    use crate::groups::{GroupError, Groups};
    use crate::handshake::ConnectionInfo;
    use crate::peer::Peer;
    use crate::shared_state::SharedLimits;
    use crate::transport::Transport;

    /// The setters that both builders share.
    pub use crate::__connection_settings as connection_settings;
    pub use crate::excerpt::excerpt;
    pub use crate::groups::AllPeers;
    pub use crate::handshake::{check_subprotocols, is_token, without_secrets};
    pub use crate::panic_text::panic_text;
    pub use crate::reconnecting::ReconnectDriver;
    pub use crate::transport::websocket::{accept_key, generate_key};

    /// The parts of TLS that both sides need.
    #[cfg(feature = "tls")]
    pub mod tls {
        pub use crate::tls::{ALPN, Pem, TlsError, add_roots, certified_key, provider};
    }

    /// What connects groups to those of other servers.
    pub mod cluster {
        use crate::peer::PeerId;

        pub use crate::groups::{
            AlreadyAttached, LocalPeers, Message, OtherServers, PresenceKey, RemoteRequest, Target,
            global_id, global_id_parts, read_outcome, write_outcome,
        };

        /// The connection of a server with this number.
        #[must_use]
        pub fn peer_id(number: u64) -> PeerId {
            PeerId(number)
        }
    }

    pub use crate::inspect::Inspection;

    /// A connection of a server, which may be inspected.
    pub fn inspected_connection<T: Transport>(
        inspection: &Inspection,
        transport: T,
        config: Arc<Config>,
        info: ConnectionInfo,
        limits: SharedLimits,
    ) -> (Peer, Connection<T>) {
        Connection::inspected_at(inspection, transport, config, info, limits)
    }

    /// The parts that an inspector needs.
    #[cfg(feature = "inspector")]
    pub mod inspect {
        use std::sync::Arc;
        use std::time::Duration;

        use crate::groups::{Groups, listing};
        use crate::peer::{Peer, PeerId};

        pub use crate::inspect::{
            CallOutcome, EndedCall, OpenCall, OpenCallState, Watcher, Watching, WatchingFrames,
        };
        pub use crate::redact::{Direction, Redactor};

        /// How long ago the connection began.
        #[must_use]
        pub fn age(peer: &Peer) -> Duration {
            peer.current().since().elapsed()
        }

        /// The number of open calls of the peer whose results are streams that are open.
        #[must_use]
        pub fn open_streams(peer: &Peer) -> usize {
            peer.current().gauges().producing()
        }

        /// All groups of a server, and the numbers of their members there.
        #[must_use]
        pub fn group_sizes(groups: &Groups) -> Vec<(Arc<str>, usize)> {
            listing::sizes(groups)
        }

        /// Some members of a group, at most `max`.
        #[must_use]
        pub fn group_members(groups: &Groups, group: &str, max: usize) -> Vec<Peer> {
            listing::members(groups, group, max)
        }

        /// The groups that a peer is in, in the order of their names.
        #[must_use]
        pub fn groups_of(peer: &Peer) -> Vec<Arc<str>> {
            listing::groups_of(peer)
        }

        /// The peer that is in the most groups, and how many these are.
        #[must_use]
        pub fn most_groups(groups: &Groups) -> Option<(PeerId, usize)> {
            listing::most_groups(groups)
        }

        /// The user that a peer belongs to.
        #[must_use]
        pub fn user_of(peer: &Peer) -> Option<Arc<str>> {
            listing::user_of(peer)
        }

        /// The open calls of a peer, the oldest of them if there are many. Waits until the connection's task
        /// runs; `None` if the connection has ended.
        pub async fn open_calls(peer: &Peer) -> Option<Vec<OpenCall>> {
            let list = {
                let shared = peer.current();
                let list = shared.call_list_requests().ask();
                shared.driver_waker().notify();
                list
            };
            list.await.ok()
        }
    }

    /// A peer without a connection. Stubs made from it can encode messages but not send them.
    #[must_use]
    pub fn unconnected_peer() -> Peer {
        Peer::unconnected()
    }

    /// The groups of a server, which lists its connections.
    #[must_use]
    pub fn groups_of_server(all: impl AllPeers + 'static) -> Groups {
        Groups::of_server(Box::new(all))
    }

    /// Makes these the groups of all connections with this configuration.
    pub fn share_groups(groups: &Groups, config: &Config) {
        groups.share(config);
    }

    /// Sets the user of a connection that has just been authorized. Returns a future if other servers must
    /// know of it first; if it is dropped, the peer has no user.
    ///
    /// # Errors
    /// [`GroupError`] if the name is invalid, or the other servers refuse it.
    pub fn set_user(peer: &Peer, user: &str) -> Result<Option<SettingUser>, GroupError> {
        let begun = peer.groups().begin_set_user(peer, user)?;
        Ok(begun.map(|change| -> SettingUser { Box::pin(async move { change.complete().await.map(drop) }) }))
    }

    /// A user is being set.
    pub type SettingUser = Pin<Box<dyn Future<Output = Result<(), GroupError>> + Send>>;

    /// Checks the name of a user.
    ///
    /// # Errors
    /// [`GroupError`] if the name is invalid.
    pub fn check_user(user: &str) -> Result<(), GroupError> {
        crate::groups::check_name(user)
    }

    /// Removes a peer, whose connection has ended, from all groups that it is in.
    pub fn leave_groups(peer: &Peer) {
        Groups::end(peer);
    }

    /// A client's handle: when the last of its clones is dropped, the connection closes with 1000.
    #[must_use]
    pub fn closing_on_drop(peer: Peer) -> Peer {
        peer.closing_on_drop()
    }

    /// A handle of a client that reconnects. It stands for the current connection.
    #[must_use]
    pub fn reconnecting_peer(driver: &ReconnectDriver) -> Peer {
        Peer::of_reconnecting(driver)
    }

    /// Runs application code that has a handle of this connection. If the code blocks its thread, the
    /// connection continues on another one.
    pub async fn watched<T>(peer: Peer, code: impl Future<Output = T>) -> T {
        peer.current().driver_waker().watched(code).await
    }

    /// Waits until a client is connected.
    ///
    /// # Errors
    /// If the client ends before that, the reason of the end.
    pub async fn connected(peer: &Peer) -> Result<(), CloseReason> {
        peer.up().await
    }

    /// The next connection of a client that reconnects, with the client's settings and values. Other handles
    /// use it after [`ReconnectDriver::up`]; until then only the returned handle does.
    pub fn next_connection<T: Transport>(
        transport: T,
        driver: &ReconnectDriver,
        info: ConnectionInfo,
    ) -> (Peer, Connection<T>) {
        Connection::of_reconnecting(transport, driver, info)
    }

    /// A random duration from zero up to `most`, against thundering herds: for the server's shutdown and the
    /// client's reconnect. It spreads load, and is not for secrets.
    #[must_use]
    pub fn jitter(most: Duration) -> Duration {
        // Each `RandomState` has new keys, and its hash is uniform enough for this.
        let random = RandomState::new().hash_one(0_u8);
        let seconds = most.as_secs_f64() * (random as f64 / u64::MAX as f64);
        Duration::try_from_secs_f64(seconds).unwrap_or(most).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_spreads_over_the_whole_range() {
        let most = Duration::from_secs(8);
        let mut eighths = [0; 8];
        for _ in 0..4096 {
            let delay = crates::jitter(most);
            assert!(delay <= most);
            eighths[(delay.as_secs() as usize).min(7)] += 1;
        }
        assert!(eighths.iter().all(|hits| *hits > 256), "{eighths:?}");
        assert_eq!(crates::jitter(Duration::ZERO), Duration::ZERO);
        assert!(crates::jitter(Duration::MAX) <= Duration::MAX);
    }
}
