//! What the fuzz targets need beside birpc: a peer that writes whatever the fuzzer wants, and what is served
//! to it.

mod far;
mod frames;
mod scene;
mod script;
mod service;
mod settings;

pub use scene::play;

/// What a handler panics with.
const ON_PURPOSE: &str = "a handler panics on purpose";

/// Lets handlers panic: the fuzzer's hook takes every panic for a crash, before birpc catches it.
pub fn let_handlers_panic() {
    let crash = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&ON_PURPOSE) {
            crash(panic);
        }
    }));
}
