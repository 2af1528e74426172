//! The setters that `Config` and the builders of servers and clients share, written once as a macro.

/// The setters of [`Config`](crate::Config), for the `impl` of a type with a method `fn settings(&mut self)
/// -> &mut Config`. `Dialect`, `Duration`, `Keepalive`, `Limits` and `Overflow` must be in scope. The doc
/// comment that is passed becomes the example of `dialect`.
#[doc(hidden)]
#[macro_export]
macro_rules! __connection_settings {
    ($(#[$example:meta])*) => {
        /// Changes limits. Those that `change` does not set keep their defaults.
        pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
            change(&mut self.settings().limits);
            self
        }

        /// Sets when to ping a silent peer, and when its connection counts as lost. Default:
        /// [`Keepalive::default`].
        pub fn keepalive(mut self, keepalive: Keepalive) -> Self {
            self.settings().keepalive = keepalive;
            self
        }

        /// Sets the timeout of calls to the peer that set none of their own. Default: none.
        pub fn call_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
            self.settings().call_timeout = timeout.into();
            self
        }

        /// Sets the reserved methods of connections that do not agree on `birpc.v1`. A client with a dialect
        /// does not offer `birpc.v1`, unless its `subprotocols` list it. Default: [`Dialect::plain`], which
        /// reserves none.
        $(#[$example])*
        pub fn dialect(mut self, dialect: Dialect) -> Self {
            self.settings().dialect = dialect;
            self
        }

        /// What happens to a notification of the peer that is past a limit of calls, if its method does not
        /// say otherwise. Peers that speak `birpc.v1` wait instead. Default: [`Overflow::Close`] with
        /// [`Dialect::lsp`], and [`Overflow::Drop`] with every other dialect.
        pub fn overflow(mut self, overflow: impl Into<Option<Overflow>>) -> Self {
            self.settings().overflow = overflow.into();
            self
        }

        /// Sets how long an incoming call may be open before the log warns, once, with the method, the id and
        /// the connection. The warning comes up to half this time late. `None` turns it off. Default: 5
        /// minutes.
        pub fn warn_open_after(mut self, open: impl Into<Option<Duration>>) -> Self {
            self.settings().warn_open_after = open.into();
            self
        }

        /// Whether this side stops reading from a plain JSON-RPC peer while the maximum number or size of its
        /// calls waits, instead of refusing calls and dropping notifications. Meanwhile it sees no cancel,
        /// ping or close of the peer. Reading continues when half of the waiting calls have started, when
        /// this side calls the peer, or after half of [`Keepalive::timeout`]. Default: `false`.
        pub fn pause_reading(mut self, pause: bool) -> Self {
            self.settings().pause_reading = pause;
            self
        }

        /// Whether requests and notifications without `"jsonrpc": "2.0"` are served; Chrome's DevTools and
        /// WebDriver BiDi send such messages. Default: `false`: they are answered with −32600. See also
        /// `Router::on_other_message`.
        pub fn lenient_version(mut self, lenient: bool) -> Self {
            self.settings().lenient_version = lenient;
            self
        }
    };
}
