//! Values that the application keeps with a connection, one for each type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Value = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
pub(crate) struct Values(Mutex<HashMap<TypeId, Value>>);

impl Values {
    pub(crate) fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.lock().get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }

    pub(crate) fn insert<T: Any + Send + Sync>(&self, value: T) -> Option<Arc<T>> {
        let replaced = self.lock().insert(TypeId::of::<T>(), Arc::new(value));
        replaced?.downcast().ok()
    }

    pub(crate) fn clear(&self) {
        // Dropped outside of the lock: it is the user's code.
        let values = std::mem::take(&mut *self.lock());
        drop(values);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TypeId, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
