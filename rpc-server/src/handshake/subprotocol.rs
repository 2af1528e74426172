//! Agreement on a subprotocol (RFC 6455 §4.2.2).

use super::refusal::Refusal;

/// Which subprotocols a server agrees on.
#[derive(Clone, Debug)]
pub(crate) struct Subprotocols {
    /// In order of preference.
    pub(crate) preferred: Vec<String>,
    /// Whether a client that offers only others is served without one.
    pub(crate) lenient: bool,
}

impl Subprotocols {
    /// The first of the server's own that the client offers. What is not the server's is never echoed: it
    /// may be a token.
    pub(super) fn agree(&self, offered: &[String]) -> Result<Option<String>, Refusal> {
        let agreed = self.preferred.iter().find(|name| offered.contains(name));
        if agreed.is_none() && !offered.is_empty() && !self.lenient {
            let served = self.preferred.join(", ");
            return Err(Refusal::bad(&format!(
                "the server supports none of the offered subprotocols; offer one of: {served}"
            )));
        }
        Ok(agreed.cloned())
    }
}
