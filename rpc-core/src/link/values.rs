//! Values that the application keeps with a connection, one for each type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Value = Arc<dyn Any + Send + Sync>;

/// `None` once the connection has ended: what came later would never be dropped.
pub(crate) struct Values(Mutex<Option<HashMap<TypeId, Value>>>);

impl Default for Values {
    fn default() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }
}

impl Values {
    pub(crate) fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.lock().as_ref()?.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }

    pub(crate) fn insert<T: Any + Send + Sync>(&self, value: T) -> Option<Arc<T>> {
        let value: Value = Arc::new(value);
        let replaced = self.lock().as_mut()?.insert(TypeId::of::<T>(), value);
        replaced?.downcast().ok()
    }

    pub(crate) fn clear(&self) {
        // Dropped outside of the lock: it is the user's code.
        let values = self.lock().take();
        drop(values);
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<TypeId, Value>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
