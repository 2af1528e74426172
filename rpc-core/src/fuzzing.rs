//! What the fuzz targets and the property tests share: what must hold, whatever comes. Not in normal builds.

pub use crate::message::properties::check as check_message;
pub use crate::multiplexer::calls_model::{Step as CallStep, check as check_calls};
pub use crate::multiplexer::served_model::{Step as ServedStep, check as check_served};
