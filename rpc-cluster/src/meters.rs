//! The metrics of a node (feature `metrics`).

use crate::state::Counters;

/// Reports what has been counted. Without the feature it does nothing.
#[derive(Debug, Default)]
pub(crate) struct Meters(());

#[cfg(not(feature = "metrics"))]
impl Meters {
    pub(crate) fn report(&self, _counters: Counters, _sizes: [usize; 4], _nodes: usize) {}
}

#[cfg(feature = "metrics")]
impl Meters {
    /// Called with each heartbeat, and when a server comes or goes.
    pub(crate) fn report(&self, counters: Counters, [pending, served, topics, _]: [usize; 4], nodes: usize) {
        use metrics::{counter, gauge};

        let gauges = [
            ("birpc_cluster_nodes", nodes),
            ("birpc_cluster_pending_calls", pending),
            ("birpc_cluster_served_calls", served),
            ("birpc_cluster_topics", topics),
        ];
        #[allow(clippy::cast_precision_loss)]
        gauges.into_iter().for_each(|(name, value)| gauge!(name).set(value as f64));
        counter!("birpc_cluster_published_total").absolute(counters.published);
        counter!("birpc_cluster_unpublished_total").absolute(counters.unpublished);
        counter!("birpc_cluster_received_total").absolute(counters.received);
        for (topic, gaps) in ["all", "group", "user", "node"].into_iter().zip(counters.gaps) {
            counter!("birpc_cluster_gaps_total", "topic" => topic).absolute(gaps);
        }
        let dropped = [
            ("malformed", counters.malformed),
            ("version", counters.version),
            ("unverified", counters.unverified),
            ("late", counters.late),
            ("stray", counters.stray),
            ("unmatched", counters.unmatched),
        ];
        for (reason, count) in dropped {
            counter!("birpc_cluster_dropped_total", "reason" => reason).absolute(count);
        }
    }
}
