//! OpenRPC 1.3.2.
//!
//! What OpenRPC has no words for is in extensions: `x-client` at the root, `x-stream`, `x-progress`,
//! `x-errors`, `x-error-types`, `x-param`, `x-params`, `x-function`, `x-idempotent`, `x-sensitive` in
//! methods, `x-stream`, `x-optional` and `x-sensitive` in parameters. With them `reading` finds all that
//! the other writers need.

mod reading;
mod references;
mod writing;

pub use reading::ReadError;
pub(crate) use reading::read;
pub(crate) use writing::{compact, pretty};
