//! Many servers as one: groups, users, presence and calls span all servers that an engine connects.
//! Applications use it as `birpc::cluster`.
//!
//! A [`Node`] connects the groups of a server to those of other servers, over an engine that passes messages
//! on by topic, such as NATS. Then everything that a server can do with its own peers it can do with those of
//! all servers, with the same methods:
//!
//! | method | over all servers |
//! |---|---|
//! | [`Groups::join`] | is complete when what other servers send from now on reaches the peer |
//! | [`Groups::to`], `user`, `all` | [`send`](birpc_core::Audience::send) and `close` reach the peers of all servers; [`Sent::remote`] says whether the others were reached |
//! | [`Audience::ask`] | calls the members on all servers; each is told once |
//! | [`Groups::member`] | calls a peer wherever it is connected |
//! | [`Groups::presence`], [`Groups::count`] | who is present on all servers, and how many members there are |
//! | [`Groups::on_gap`] | tells that messages to a group may have been lost between servers |
//!
//! ```
//! use std::time::Duration;
//!
//! use birpc_cluster::{MemoryEngine, Node};
//! use birpc_core::{Groups, Peer};
//!
//! // In production the engine is NATS; in tests it is in memory.
//! async fn run(groups: Groups, engine: MemoryEngine) -> Result<(), Box<dyn std::error::Error>> {
//!     let node = Node::builder(engine.server()).name("eu-1").start(&groups).await?;
//!     groups.to("room:1").send(|user: &Peer| user.notify("user.said", ["hello"])).await?;
//!     println!("{} servers", node.nodes().len());
//!     node.shutdown(Duration::from_secs(5)).await;
//!     Ok(())
//! }
//! ```
//!
//! # What is promised
//! - A notification reaches each peer at most once, and in the order in which one task sends to one group or
//!   user. There is no order between groups.
//! - A loss between servers is told to [`Groups::on_gap`] if this server had heard the sender in the group
//!   since it subscribed and hears it again within 60 s, and for each group with members after each outage of
//!   the engine. What the engine loses last, with silence after it, is not noticed.
//! - A call ends exactly once. [`CallError::Disconnected`] with `sent: false` means that the peer was not
//!   called and will not be. A server that does not answer is given up after 1 s, a dead one is noticed after
//!   10 s.
//! - While the engine is away, the peers of a server still reach each other, calls to others end at once, and
//!   sends say [`Remote::Unreachable`]. Nothing is kept for later. Afterwards everything works again.
//!
//! Streams and progress do not cross servers: such calls end as `Unsendable`.
//!
//! # Engines
//! A [`Backplane`] is the interface to an engine, of five methods. Everything else is above it, and is the
//! same for each engine. [`MemoryEngine`] is one for tests, which loses and delays messages on command.
//!
//! Whoever may publish to the engine can call any peer and end any node: let only the servers do so. A key
//! ([`NodeBuilder::key`]) signs what they publish.
//!
//! [`Groups::join`]: birpc_core::Groups::join
//! [`Groups::to`]: birpc_core::Groups::to
//! [`Groups::member`]: birpc_core::Groups::member
//! [`Groups::presence`]: birpc_core::Groups::presence
//! [`Groups::count`]: birpc_core::Groups::count
//! [`Groups::on_gap`]: birpc_core::Groups::on_gap
//! [`Audience::ask`]: birpc_core::Audience::ask
//! [`Sent::remote`]: birpc_core::Sent::remote
//! [`Remote::Unreachable`]: birpc_core::Remote::Unreachable
//! [`CallError::Disconnected`]: birpc_core::CallError::Disconnected

#![cfg_attr(docsrs, feature(doc_cfg))]

mod asks;
mod backplane;
mod barriers;
#[cfg(test)]
mod barriers_model;
mod calls;
#[cfg(test)]
mod calls_model;
mod convert;
mod counts;
mod driver;
mod engine;
mod envelope;
mod inbox;
mod interest;
#[cfg(feature = "__internals")]
#[doc(hidden)]
pub mod internals;
mod jobs;
mod links;
mod memory;
mod meters;
mod node;
mod node_id;
mod nodes;
mod outcomes;
mod presence;
#[cfg(test)]
mod presence_model;
mod roster;
mod sequences;
#[cfg(test)]
mod sequences_model;
mod served_calls;
mod shutdown;
mod state;
mod topic;
mod traces;
mod waiter;

pub use backplane::{Backplane, BackplaneError, BackplaneEvent};
pub use memory::{Faults, MemoryBackplane, MemoryEngine};
pub use node::{Node, NodeBuilder, StartError};
pub use node_id::NodeId;
pub use nodes::NodeInfo;
pub use topic::Topic;
