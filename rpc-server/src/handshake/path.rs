//! Parameters of the path that a request came by.

use std::sync::Arc;

/// What the HTTP server around an acceptor has found in the path of a request, such as `room` in
/// `/rooms/{room}`. `Acceptor::into_route` fills it in. Another server puts it among the extensions of the
/// request, and finds it in [`crate::Handshake::path_param`]:
///
/// ```
/// use birpc_server::PathParams;
///
/// fn prepare<B>(request: &mut http::Request<B>, room: &str) {
///     request.extensions_mut().insert(PathParams::new([("room", room)]));
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct PathParams(Arc<[(String, String)]>);

impl PathParams {
    /// Names and values, the latter decoded.
    pub fn new<N: Into<String>, V: Into<String>>(params: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(params.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
