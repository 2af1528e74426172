//! Any bytes as the text of a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| birpc_core::internals::check_message(text));
