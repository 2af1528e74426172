//! What the programs of the benchmarks share: each is a server, or a client and a server in one process.

pub mod compile;
pub mod counting;
pub mod floor;
pub mod options;
pub mod pair;
pub mod service;
