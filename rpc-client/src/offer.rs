//! What a client asks for in its opening handshake.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::ConnectError;

/// What a client asks for in its opening handshake, beside the URL.
#[derive(Clone, Default)]
pub(crate) struct Offer {
    pub(crate) subprotocols: Vec<String>,
    /// Whether a server that picks no subprotocol is refused.
    pub(crate) insist: bool,
    pub(crate) headers: HeaderMap,
    /// The name of a header that cannot be sent.
    bad_header: Option<String>,
}

impl Offer {
    /// Adds a header to those of the same name.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = self.header(name, value) {
            self.headers.append(name, value);
        }
    }

    /// Puts a header in place of those of the same name.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = self.header(name, value) {
            self.headers.insert(name, value);
        }
    }

    fn header(&mut self, name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(mut value)) => {
                // Whatever the header: `{:?}` must not print a token.
                value.set_sensitive(true);
                Some((name, value))
            }
            _ => {
                self.bad_header = Some(name.to_owned());
                None
            }
        }
    }

    /// Checks what would break the request.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        if let Some(name) = &self.bad_header {
            return Err(ConnectError::Header { name: birpc_core::__private::crates::excerpt(name, 100) });
        }
        birpc_core::__private::crates::check_subprotocols(&self.subprotocols)
            .map_err(ConnectError::Subprotocol)
    }
}

/// Without values: headers and subprotocols may be credentials.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Offer")
            .field("subprotocols", &self.subprotocols.len())
            .field("insist", &self.insist)
            .field("headers", &names)
            .finish()
    }
}
