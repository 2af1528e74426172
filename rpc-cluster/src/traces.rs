//! The trace context of calls between servers: W3C Trace Context, `traceparent`.

use std::fmt;
use std::sync::Arc;

type Current = dyn Fn() -> Option<String> + Send + Sync;

/// Where the trace context of a call comes from.
#[derive(Clone, Default)]
pub(crate) struct Traces {
    current: Option<Arc<Current>>,
}

impl Traces {
    pub(crate) fn new(current: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self { current: Some(Arc::new(current)) }
    }

    /// The context of the current span; empty if there is none, or it is not one.
    pub(crate) fn current(&self) -> String {
        let current = self.current.as_ref().and_then(|current| current());
        current.filter(|text| is_traceparent(text)).unwrap_or_default()
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

/// Whether a text may travel as `traceparent`: up to 128 graphic characters of ASCII.
fn is_traceparent(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The span in which a call of another server is made to a peer. Its `traceparent` is what that server has
/// sent; a layer of the application's subscriber continues the trace from it.
#[cfg(feature = "tracing")]
pub(crate) fn span_of_call(node: crate::node_id::NodeId, traceparent: &str) -> tracing::Span {
    tracing::info_span!("birpc.cluster.call", %node, traceparent)
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn span_of_call(_node: crate::node_id::NodeId, _traceparent: &str) -> tracing::Span {
    tracing::Span::none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_traceparent_travels() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(Traces::new(move || Some(traceparent.into())).current(), traceparent);
        assert_eq!(Traces::default().current(), "");
        for text in ["", "two words", "line\n", &"x".repeat(129), "é"] {
            let text = text.to_owned();
            assert_eq!(Traces::new(move || Some(text.clone())).current(), "");
        }
    }
}
