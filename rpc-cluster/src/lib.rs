//! Groups over many servers. Applications depend on the facade `birpc`.
//!
//! Servers are connected by an engine that passes on messages by topic, such as NATS. A [`Backplane`] is the
//! interface to it, of five methods. Everything else is above it, and is the same for each engine: whether a
//! join holds on all servers ([`barriers`]), whether messages were lost ([`sequences`]), calls to peers of
//! other servers ([`calls`]), and who is present on them ([`presence`]). That logic is pure state: no engine,
//! task or clock.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod backplane;
pub mod barriers;
#[cfg(test)]
mod barriers_model;
pub mod calls;
#[cfg(test)]
mod calls_model;
pub mod memory;
mod node;
pub mod presence;
#[cfg(test)]
mod presence_model;
pub mod sequences;
#[cfg(test)]
mod sequences_model;
mod topic;

pub use backplane::{Backplane, BackplaneError, BackplaneEvent};
pub use node::NodeId;
pub use topic::Topic;
