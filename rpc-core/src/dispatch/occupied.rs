//! What a handler occupies.

use std::any::Any;
use std::sync::Arc;

use crate::shared_state::OpenPermit;

/// Something that stays alive as long as any task works for the connection.
pub(crate) type Tenancy = Arc<dyn Any + Send + Sync>;

/// What a handler occupies until it has ended, whether its connection still exists or not.
pub(crate) struct Occupied {
    _permit: OpenPermit,
    _tenancy: Option<Tenancy>,
}

impl Occupied {
    pub(crate) fn new(permit: OpenPermit, tenancy: Option<Tenancy>) -> Self {
        Self { _permit: permit, _tenancy: tenancy }
    }
}
