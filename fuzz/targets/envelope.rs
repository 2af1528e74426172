//! Any bytes as a message of another server.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| birpc_cluster::internals::check_envelope(bytes));
