//! The contents of a client's handshake request.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::ConnectError;

/// The contents of a client's handshake request, except for the URL.
#[derive(Clone, Default)]
pub(crate) struct Offer {
    pub(crate) subprotocols: Vec<String>,
    /// Whether connecting fails if the server picks no subprotocol.
    pub(crate) insist: bool,
    pub(crate) headers: HeaderMap,
    /// The name of a header that HTTP does not allow.
    bad_header: Option<String>,
}

impl Offer {
    /// Adds a header, and keeps others of the same name.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = self.header(name, value) {
            self.headers.append(name, value);
        }
    }

    /// Sets a header, and removes others of the same name.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = self.header(name, value) {
            self.headers.insert(name, value);
        }
    }

    fn header(&mut self, name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(mut value)) => {
                // For every header, since `{:?}` must not print a token.
                value.set_sensitive(true);
                Some((name, value))
            }
            _ => {
                self.bad_header = Some(name.to_owned());
                None
            }
        }
    }

    /// Checks for settings that would make the request invalid.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        if let Some(name) = &self.bad_header {
            return Err(ConnectError::Header { name: birpc_core::__private::crates::excerpt(name, 100) });
        }
        birpc_core::__private::crates::check_subprotocols(&self.subprotocols)
            .map_err(ConnectError::Subprotocol)
    }
}

/// Omits values: headers and subprotocols may be credentials.
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
