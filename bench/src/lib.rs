//! The parts that the benchmark programs share. Each program is a server, or a client and a server in one
//! process; one compiles.

pub mod compile;
pub mod counting;
pub mod cpu;
pub mod floor;
pub mod options;
pub mod pair;
pub mod service;
