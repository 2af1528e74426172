//! The opening handshake (RFC 6455 §4.2): what is asked for, what is agreed on, what is refused.

mod certificates;
mod origin;
mod refusal;
mod request;
mod subprotocol;
mod token;

pub use certificates::PeerCertificates;
pub use origin::Origins;
pub use refusal::Refusal;
pub use request::Handshake;

pub(crate) use request::{Agreed, Rules};
pub(crate) use subprotocol::Subprotocols;
