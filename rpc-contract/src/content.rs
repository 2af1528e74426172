//! What a contract contains.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Service;
use crate::schema::Schema;

/// The parts of a contract, which the writers read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) version: String,
    /// About the application.
    #[serde(default)]
    pub(crate) description: String,
    /// Those of servers.
    #[serde(default)]
    pub(crate) urls: Vec<String>,
    pub(crate) serves: Vec<Service>,
    #[serde(default)]
    pub(crate) calls: Vec<Service>,
    /// The types to which the schemas of both refer.
    #[serde(default)]
    pub(crate) schemas: BTreeMap<String, Schema>,
}
