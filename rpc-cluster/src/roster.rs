//! The servers that are alive, for the application.

use std::sync::{Mutex, PoisonError};

use crate::nodes::NodeInfo;

/// What the node's task has last known of the servers.
#[derive(Debug, Default)]
pub(crate) struct Roster(Mutex<Vec<NodeInfo>>);

impl Roster {
    pub(crate) fn set(&self, own: &NodeInfo, others: Vec<NodeInfo>) {
        let mut all = others;
        all.insert(0, own.clone());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }

    pub(crate) fn get(&self) -> Vec<NodeInfo> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
