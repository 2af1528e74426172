//! The opening handshake (RFC 6455 §4.2): what is asked for, what is agreed on, what is refused.

mod certificates;
mod forwarded;
pub(crate) mod health;
mod host;
mod origin;
mod path;
mod refusal;
mod request;
mod rules;
mod subprotocol;
mod token;

pub use certificates::PeerCertificates;
pub use origin::Origins;
pub use path::PathParams;
pub use refusal::Refusal;
pub use request::Handshake;

pub(crate) use host::{Hosts, Local};
pub(crate) use rules::{Agreed, Rules, Warned};
pub(crate) use subprotocol::Subprotocols;
