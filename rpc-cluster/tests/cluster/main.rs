//! Servers in one process, connected by an engine in memory.

mod asks;
mod calls;
mod groups;
mod lives;
mod outages;
mod presence;
mod support;
