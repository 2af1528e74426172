//! A whole connection that is fed raw bytes, or a script.
#![no_main]

libfuzzer_sys::fuzz_target!(init: birpc_fuzz::let_handlers_panic(), |input: &[u8]| birpc_fuzz::play(input));
