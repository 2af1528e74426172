//! The parts that `birpc-inspector` needs. Nothing here is part of the API: any release may change it.

use birpc_core::__private::crates::Inspection;

use crate::handle::ServerHandle;

pub use crate::front::until_upgrade;

/// The place where a server's connections are inspected.
#[must_use]
pub fn inspection(server: &ServerHandle) -> &Inspection {
    server.inspection()
}
