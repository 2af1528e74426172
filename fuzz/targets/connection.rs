//! A whole connection that receives raw bytes, or runs a script.
#![no_main]

libfuzzer_sys::fuzz_target!(init: birpc_fuzz::let_handlers_panic(), |input: &[u8]| birpc_fuzz::play(input));
