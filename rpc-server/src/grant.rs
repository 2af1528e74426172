//! What an `authorize` hook gives to a connection.

use std::any::Any;
use std::fmt;

use birpc_core::Peer;

type Insert = Box<dyn FnOnce(&Peer) + Send>;

/// The leave to connect, with values that handlers read by their type from
/// [`birpc_core::Context::get`].
///
/// ```
/// use birpc_server::Grant;
///
/// struct User(String);
/// let grant = Grant::new().with(User("ada".into()));
/// ```
#[derive(Default)]
#[must_use = "a grant is what an `authorize` hook returns"]
pub struct Grant {
    values: Vec<Insert>,
}

impl Grant {
    /// Leave without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value; one for each type is kept.
    pub fn with<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.values.push(Box::new(move |peer| drop(peer.insert(value))));
        self
    }

    /// Gives the values to the connection.
    pub(crate) fn apply(self, peer: &Peer) {
        self.values.into_iter().for_each(|insert| insert(peer));
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("values", &self.values.len()).finish()
    }
}
