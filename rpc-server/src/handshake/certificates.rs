//! Certificates that a client has shown.

use std::sync::Arc;

/// The certificates that a client has shown and that were verified, in DER, its own first. A server with
/// `ServerBuilder::tls` fills it in. One that is mounted elsewhere puts it among the extensions of the
/// request, and finds it in [`crate::Handshake::peer_certificates`]:
///
/// ```
/// use birpc_server::PeerCertificates;
///
/// fn prepare<B>(request: &mut http::Request<B>, verified: Vec<Vec<u8>>) {
///     request.extensions_mut().insert(PeerCertificates::new(verified));
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct PeerCertificates(Arc<[Vec<u8>]>);

impl PeerCertificates {
    /// These, in DER, the client's own first.
    pub fn new(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(certificates.into_iter().collect())
    }

    pub(crate) fn as_slice(&self) -> &[Vec<u8>] {
        &self.0
    }
}
