//! The command itself, against servers in this process. All addresses come from the system.

mod bridge;
mod bridge_access;
mod call;
mod call_failures;
mod discover;
mod interrupts;
mod listen;
mod record;
mod repl;
mod servers;
mod support;
mod transcripts;
