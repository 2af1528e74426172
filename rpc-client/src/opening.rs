//! Opens one connection: the settings and the steps.

use birpc_core::transport::{Role, WebSocket};
use birpc_core::{ConnectionInfo, Dialect, Limits, SUBPROTOCOLS};

use crate::attempt::{Attempt, BeforeAttempt, History};
use crate::dial::Dial;
use crate::error::ConnectError;
use crate::error_text::redacted;
use crate::handshake;
use crate::offer::Offer;
use crate::stage::Stage;
use crate::stream::{Dialled, Stream};
use crate::url::Target;

/// The settings for opening connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opening {
    pub(crate) offer: Offer,
    /// Whether the application has chosen the subprotocols to offer.
    pub(crate) chosen: bool,
    pub(crate) dial: Dial,
    pub(crate) before_attempt: Option<BeforeAttempt>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::ClientTls>,
}

impl Opening {
    /// Sets the subprotocols to offer, unless the application has chosen them. `jsonrpc` comes first because
    /// some servers pick the first one without knowing it; such servers speak plain JSON-RPC.
    pub(crate) fn settle(&mut self, dialect: &Dialect) {
        if self.chosen {
            return;
        }
        let own = *dialect == Dialect::plain();
        let offered = SUBPROTOCOLS.iter().rev().filter(|name| own || **name != "birpc.v1");
        self.offer.subprotocols = offered.map(|name| (*name).to_owned()).collect();
    }

    /// Opens one connection within the time limit of a handshake.
    pub(crate) async fn open(
        &self,
        url: &str,
        history: History,
        limits: &Limits,
    ) -> Result<(WebSocket<Stream>, ConnectionInfo), ConnectError> {
        let attempt = Attempt { history, url: url.to_owned(), offer: self.offer.clone() };
        let (stage, after) = (Stage::new(), limits.handshake_timeout);
        let opening = async {
            let attempt = self.prepare(attempt, &stage).await?;
            attempt.offer.check()?;
            let target = Target::parse(&attempt.url)?;
            stage.aim(target.address());
            self.connect(&target, &attempt.offer, limits, &stage).await
        };
        tokio::time::timeout(after, opening).await.unwrap_or_else(|_| {
            let given = || Target::parse(url).map_or_else(|_| redacted(url), |target| target.address());
            let address = stage.target().unwrap_or_else(given);
            Err(ConnectError::TimedOut { address, after, during: stage.get() })
        })
    }

    async fn prepare(&self, attempt: Attempt, stage: &Stage) -> Result<Attempt, ConnectError> {
        let Some(hook) = &self.before_attempt else { return Ok(attempt) };
        stage.set("waiting for the hook before_attempt");
        hook.run(attempt).await
    }

    async fn connect(
        &self,
        target: &Target,
        offer: &Offer,
        limits: &Limits,
        stage: &Stage,
    ) -> Result<(WebSocket<Stream>, ConnectionInfo), ConnectError> {
        let stream = self.dial.open(target, stage).await?;
        let mut info = ConnectionInfo::default();
        info.remote_addr = stream.remote_addr();
        info.url = Some(target.url.clone());
        let at = info.remote_addr.map_or_else(|| target.address(), |remote| remote.to_string());
        stage.set(format!("the TLS handshake with {at}"));
        let stream = self.secure(stream, target).await?;
        stage.set(format!("waiting for the answer of {at} to the opening handshake"));
        let upgraded = handshake::upgrade(stream, target, offer).await?;
        info.subprotocol = upgraded.subprotocol;

        let (stream, read) = (upgraded.parts.io.into_inner(), upgraded.parts.read_buf.to_vec());
        Ok((WebSocket::new(stream, read, Role::Client, limits), info))
    }

    #[cfg(feature = "tls")]
    async fn secure(&self, stream: Dialled, target: &Target) -> Result<Stream, ConnectError> {
        if !target.secure {
            return Ok(Stream::Plain(stream));
        }
        let stream = crate::tls::connect(self.tls.as_ref(), stream, target).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Without the feature `tls`, `wss://` URLs are refused earlier.
    #[cfg(not(feature = "tls"))]
    async fn secure(&self, stream: Dialled, _target: &Target) -> Result<Stream, ConnectError> {
        Ok(Stream::Plain(stream))
    }
}
