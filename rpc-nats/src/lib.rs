//! Connects birpc servers through [NATS](https://nats.io): the `Backplane` of `birpc-cluster` over it.
//! Applications depend on the facade `birpc`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod client;
mod connection;
mod current;
mod error;
mod inlet;
mod keeper;
mod nats;
mod queue;
mod servers;
mod subjects;
mod subscriptions;

pub use builder::NatsBuilder;
pub use error::ConnectError;
pub use nats::Nats;
