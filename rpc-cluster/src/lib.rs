//! Groups over many servers. Applications depend on the facade `birpc`.
//!
//! Servers are connected by an engine that passes on messages by topic, such as NATS. A [`Backplane`] is the
//! interface to it, of five methods. Everything else is above it, and is the same for each engine: whether a
//! join holds on all servers, whether messages were lost, calls to peers of other servers, and who is present
//! on them.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod asks;
mod backplane;
mod barriers;
#[cfg(test)]
mod barriers_model;
mod calls;
#[cfg(test)]
mod calls_model;
mod counts;
mod driver;
mod engine;
mod envelope;
mod inbox;
mod interest;
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
