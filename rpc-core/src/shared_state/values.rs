//! Values that the application keeps with a connection, one of each type.

use std::any::{Any, TypeId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::panic_guard::guarded;

type Value = Arc<dyn Any + Send + Sync>;

/// `None` once the connection has ended: a value that is added later would never be dropped.
type Map = Mutex<Option<Table>>;

/// The hash is fast and not keyed: the application's types are the keys.
type Table = FxHashMap<TypeId, Value>;

pub(crate) struct Values {
    map: Arc<Map>,
    /// Whether the values belong to a reconnecting client, and outlive the connection.
    lent: bool,
}

impl Default for Values {
    fn default() -> Self {
        Self { map: Arc::new(Mutex::new(Some(Table::default()))), lent: false }
    }
}

impl Values {
    pub(crate) fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.lock().as_ref()?.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }

    /// Returns the value of this type, and creates it if there is none. It is not kept if the connection has
    /// ended.
    pub(crate) fn get_or_default<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut map = self.lock();
        let Some(map) = map.as_mut() else { return Arc::default() };
        let value = map.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        value.clone().downcast().unwrap_or_default()
    }

    pub(crate) fn insert<T: Any + Send + Sync>(&self, value: T) -> Option<Arc<T>> {
        let value: Value = Arc::new(value);
        let replaced = self.lock().as_mut()?.insert(TypeId::of::<T>(), value);
        replaced?.downcast().ok()
    }

    /// The same values for a connection that does not own them.
    pub(crate) fn lend(&self) -> Self {
        Self { map: self.map.clone(), lent: true }
    }

    /// Drops the values, unless they belong to a client.
    pub(crate) fn clear(&self) {
        if self.lent {
            return;
        }
        // Dropped outside of the lock and one by one: their destructors are application code and may panic.
        let values = self.lock().take();
        for value in values.into_iter().flat_map(Table::into_values) {
            if let Err(panic) = guarded(|| drop(value)) {
                tracing::error!(
                    panic = panic.text(),
                    "a value that was kept with a connection panicked when it was dropped"
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Table>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
