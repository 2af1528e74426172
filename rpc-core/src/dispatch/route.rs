//! One method that is served.

use std::sync::Arc;

use super::handling::HandlerFactory;
use super::streams::StreamSignature;
use crate::config::Overflow;

#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Arc<str>,
    pub(crate) factory: Arc<HandlerFactory>,
    /// Whether the method runs one at a time with the other ordered methods of its connection.
    pub(crate) ordered: bool,
    /// What happens to a notification past a limit; `None` if it is the connection's.
    pub(crate) overflow: Option<Overflow>,
    /// Which of its parameters are streams, and whether its result is one.
    pub(crate) streams: StreamSignature,
    /// Whether the route has layers.
    pub(super) layered: bool,
}

/// How calls of a method wait, and what happens to notifications that find no room.
#[derive(Clone, Copy, Default)]
pub(super) struct Lane {
    pub(super) ordered: bool,
    pub(super) overflow: Option<Overflow>,
}
