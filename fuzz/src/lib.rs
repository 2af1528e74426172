//! The parts of the fuzz targets: a peer that writes the fuzzer's bytes, and the methods that it can call.

mod far;
mod frames;
mod scene;
mod script;
mod service;
mod settings;
mod streams;

pub use scene::play;

/// The text of a handler's panic.
const ON_PURPOSE: &str = "a handler panics on purpose";

/// Allows handlers to panic: the fuzzer's hook would treat a panic as a crash before birpc catches it.
pub fn let_handlers_panic() {
    let crash = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&ON_PURPOSE) {
            crash(panic);
        }
    }));
}
