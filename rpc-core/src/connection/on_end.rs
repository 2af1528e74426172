//! The hook that runs when a connection has ended, before its values are dropped.

use crate::close::CloseReason;
use crate::panic_guard::guarded;
use crate::shared_state::SharedState;

type Hook = Box<dyn FnOnce(&CloseReason) + Send>;

#[derive(Default)]
pub(super) struct OnEnd(Option<Hook>);

impl OnEnd {
    pub(super) fn set(&mut self, hook: impl FnOnce(&CloseReason) + Send + 'static) {
        self.0 = Some(Box::new(hook));
    }

    /// Runs the hook, once. A panic of it is logged.
    pub(super) fn run(&mut self, reason: &CloseReason, shared: &SharedState) {
        if let Some(hook) = self.0.take()
            && let Err(panic) = guarded(|| hook(reason))
        {
            tracing::error!(
                connection = shared.id(),
                remote_addr = shared.info().remote_addr_field(),
                panic = panic.text(),
                "the hook that runs when a connection has ended panicked"
            );
        }
    }
}
