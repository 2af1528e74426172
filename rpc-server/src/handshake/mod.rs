//! The server's side of the opening handshake (RFC 6455 §4.2): the request, the checks, and the refusals.

mod headers;
pub(crate) mod health;
mod host;
mod origin;
mod refusal;
mod request;
mod rules;

pub use origin::Origins;
pub use refusal::{Refusal, ResponseBody};
pub use request::{Handshake, PathParams, PeerCertificates};

pub(crate) use host::{Hosts, Local};
pub(crate) use rules::{Agreed, Rules, Subprotocols, Warned};
