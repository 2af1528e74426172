//! The settings that a server's builder, a client's and [`Config`](crate::Config) have in common: one text
//! for all of them.

/// The setters of [`Config`](crate::Config), for an `impl` of a type with a method
/// `fn settings(&mut self) -> &mut Config`. `Dialect`, `Duration`, `Keepalive` and `Limits` have to be in
/// scope there.
#[doc(hidden)]
#[macro_export]
macro_rules! __connection_settings {
    () => {
        /// Changes limits; those that are left alone keep their defaults.
        pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
            change(&mut self.settings().limits);
            self
        }

        /// When a silent peer is asked whether it lives, and given up. Default: [`Keepalive::default`].
        pub fn keepalive(mut self, keepalive: Keepalive) -> Self {
            self.settings().keepalive = keepalive;
            self
        }

        /// Bounds each call to the peer that sets no timeout of its own. Default: none.
        pub fn call_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
            self.settings().call_timeout = timeout.into();
            self
        }

        /// The reserved methods of connections that agree on another subprotocol than `birpc.v1`, or on none.
        /// A client with a dialect does not offer `birpc.v1`, unless its `subprotocols` have it. Default:
        /// [`Dialect::plain`], which has no such methods.
        pub fn dialect(mut self, dialect: Dialect) -> Self {
            self.settings().dialect = dialect;
            self
        }

        /// How long a call of the peer may be open until the log warns of it, once; `None` turns it off. The
        /// warning comes after this time, and at most half as much later, and names the method, the id and
        /// the connection. Default: 5 minutes.
        pub fn warn_open_after(mut self, open: impl Into<Option<Duration>>) -> Self {
            self.settings().warn_open_after = open.into();
            self
        }

        /// Whether requests and notifications without `"jsonrpc": "2.0"` are served, as the peers of Chrome's
        /// DevTools and of WebDriver BiDi send them. Default: `false`: they are answered with −32600. See
        /// also `Router::on_other_message`.
        pub fn lenient_version(mut self, lenient: bool) -> Self {
            self.settings().lenient_version = lenient;
            self
        }
    };
}
