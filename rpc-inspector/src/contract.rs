//! The methods that the page calls, and their types. Times are in milliseconds, durations in the unit that
//! their name says.

use birpc_core::{ErrorObject, PeerId, Streaming};
use birpc_macros::rpc;
use serde::{Deserialize, Serialize};

/// What the inspector serves to its page.
#[rpc(namespace = "inspector", crate = birpc_core)]
pub(crate) trait Inspect {
    /// What does not change.
    async fn about(&self) -> Result<About, ErrorObject>;

    /// How the server does: at once, and then each second. A page that does not read misses samples.
    async fn samples(&self) -> Result<Streaming<Sample>, ErrorObject>;

    /// Some of the peers.
    async fn peers(&self, query: PeersQuery) -> Result<PeersPage, ErrorObject>;

    /// Some of the groups, those with the most members first.
    async fn groups(&self, query: GroupsQuery) -> Result<GroupsPage, ErrorObject>;

    /// The frames of a connection from now on, with secrets replaced, until it ends.
    async fn messages(&self, peer: PeerId) -> Result<Streaming<LoggedFrame>, ErrorObject>;

    /// Calls a method of a peer. `params` is JSON. Refused unless the application allows it.
    async fn call(&self, peer: PeerId, method: String, params: Option<Json>) -> Result<Json, ErrorObject>;

    /// Sends a notification to a peer. Refused unless the application allows calls.
    async fn notify(&self, peer: PeerId, method: String, params: Option<Json>) -> Result<(), ErrorObject>;

    /// Closes the connection of a peer, with 1000. Refused unless the application allows calls.
    async fn close(&self, peer: PeerId) -> Result<(), ErrorObject>;
}

/// Any JSON, as it is.
pub(crate) type Json = Box<birpc_core::RawValue>;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct About {
    /// The server's name, as the application gives it.
    pub(crate) name: String,
    /// birpc's version.
    pub(crate) version: String,
    /// Whether methods of peers may be called.
    pub(crate) calls: bool,
    /// What the application's contract says of the methods that peers serve: an OpenRPC document.
    pub(crate) contract: Option<Json>,
    /// The time between samples.
    pub(crate) interval_ms: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// When, since 1970.
    pub(crate) at_ms: u64,
    /// The time since the sample before.
    pub(crate) interval_ms: u64,
    /// Connected peers.
    pub(crate) peers: usize,
    /// Open calls of peers.
    pub(crate) serving: usize,
    /// Calls of this side that wait for their reply.
    pub(crate) calling: usize,
    /// Open calls of peers whose results are open streams.
    pub(crate) streams: usize,
    /// Bytes that wait for peers to read.
    pub(crate) queued_bytes: usize,
    /// By method, those with the most calls first.
    pub(crate) methods: Vec<MethodRow>,
    /// How near each limit is, the nearest first.
    pub(crate) limits: Vec<LimitRow>,
    /// The calls that have been open for the longest time, some of each direction. Those that this side has
    /// made are there if they began while somebody watched.
    pub(crate) oldest: Vec<OpenCallRow>,
    /// How many peers did not answer when they were asked for their open calls.
    pub(crate) silent: usize,
    /// The latest errors, the newest last.
    pub(crate) errors: Vec<ErrorRow>,
}

/// A method, in one direction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct MethodRow {
    pub(crate) name: String,
    /// Whether it is served here, rather than called from here.
    pub(crate) served: bool,
    /// Calls that have ended since the sample before, and how many of those failed.
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    /// The same since somebody watches.
    pub(crate) calls_total: u64,
    pub(crate) failed_total: u64,
    /// Durations since the sample before.
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LimitRow {
    /// The setting's name.
    pub(crate) name: String,
    pub(crate) used: u64,
    pub(crate) limit: u64,
    /// The peer that is the nearest to it, for a limit of each connection.
    pub(crate) peer: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OpenCallRow {
    pub(crate) peer: u64,
    /// Whether it is served here, rather than called from here.
    pub(crate) served: bool,
    pub(crate) method: String,
    pub(crate) id: Option<String>,
    pub(crate) age_ms: u64,
    pub(crate) state: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ErrorRow {
    /// Counts errors, so that a page can tell which are new.
    pub(crate) number: u64,
    pub(crate) at_ms: u64,
    pub(crate) peer: u64,
    pub(crate) served: bool,
    pub(crate) method: String,
    /// The error's code; `None` if the call ended without an answer.
    pub(crate) code: Option<i64>,
    /// How it ended.
    pub(crate) what: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PeersQuery {
    /// Only this peer.
    #[serde(default)]
    pub(crate) only: Option<u64>,
    /// Only peers of which an id, address, user, subprotocol or origin contains this.
    #[serde(default)]
    pub(crate) filter: String,
    /// Only members of this group.
    #[serde(default)]
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) sort: PeersSort,
    #[serde(default)]
    pub(crate) descending: bool,
    /// How many to skip.
    #[serde(default)]
    pub(crate) skip: usize,
    /// How many to return.
    #[serde(default)]
    pub(crate) take: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PeersSort {
    #[default]
    Id,
    Queue,
    Serving,
    Calling,
    RoundTrip,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeersPage {
    /// How many peers match the filter.
    pub(crate) matching: usize,
    pub(crate) peers: Vec<PeerRow>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerRow {
    pub(crate) id: u64,
    pub(crate) address: Option<String>,
    pub(crate) user: Option<String>,
    /// Some of its groups, and how many it is in.
    pub(crate) groups: Vec<String>,
    pub(crate) group_count: usize,
    pub(crate) subprotocol: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) age_ms: u64,
    pub(crate) state: String,
    pub(crate) round_trip_us: Option<u64>,
    pub(crate) queued_bytes: usize,
    pub(crate) serving: usize,
    pub(crate) calling: usize,
    pub(crate) streams: usize,
    /// Notifications of the peer that were dropped.
    pub(crate) dropped: u64,
    /// Responses of the peer that matched no call.
    pub(crate) unmatched: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct GroupsQuery {
    /// Only groups whose names contain this.
    #[serde(default)]
    pub(crate) filter: String,
    /// How many to skip.
    #[serde(default)]
    pub(crate) skip: usize,
    /// How many to return.
    #[serde(default)]
    pub(crate) take: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GroupsPage {
    /// How many groups match the filter.
    pub(crate) matching: usize,
    pub(crate) groups: Vec<GroupRow>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GroupRow {
    /// Its name, as [`PeersQuery::group`] takes it.
    pub(crate) name: String,
    /// Its name, on one line.
    pub(crate) shown: String,
    /// How many members it has on this server.
    pub(crate) members: usize,
    /// The users of some of them.
    pub(crate) users: Vec<String>,
    /// Whether there may be further users.
    pub(crate) more_users: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoggedFrame {
    pub(crate) at_ms: u64,
    /// Whether it came from the peer.
    pub(crate) received: bool,
    /// `text`, `binary`, `ping`, `pong`, `close`; `end` when the connection has ended.
    pub(crate) kind: String,
    /// Its size.
    pub(crate) bytes: usize,
    /// Its beginning, with secrets replaced; `None` if it is not JSON-RPC.
    pub(crate) text: Option<String>,
    /// How many frames before it were dropped because the page does not keep up.
    pub(crate) missed: u64,
}
