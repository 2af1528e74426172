//! Opens the stream to the host of a URL: over TCP, through a proxy, or with the application's function.

mod eyeballs;
#[cfg(feature = "proxy")]
mod proxy;
mod tcp;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::{fmt, fmt::Debug};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::ConnectError;
use crate::own_task::in_own_task;
use crate::stage::Stage;
use crate::stream::Dialled;
use crate::url::{Target, address};

#[cfg(feature = "proxy")]
pub(crate) use proxy::Proxies;

/// The host and port of a client's URL. See [`crate::ClientBuilder::dial`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Destination {
    /// A name or an IP address. An IPv6 address has no brackets and may have a zone (`fe80::1%eth0`).
    pub host: String,
    /// The port of the URL, or the default of its scheme.
    pub port: u16,
    /// Whether the URL is `wss://`. The client adds TLS to the stream itself, and requires a certificate for
    /// the host.
    pub secure: bool,
}

impl Destination {
    pub(crate) fn of(target: &Target) -> Self {
        Self { host: target.host.clone(), port: target.port, secure: target.secure }
    }
}

/// Host and port; an IPv6 address is in brackets: `[::1]:9944`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&address(&self.host, self.port))
    }
}

type Dialling = Pin<Box<dyn Future<Output = io::Result<Dialled>> + Send>>;

/// How a client opens streams.
#[derive(Clone, Default)]
pub(crate) enum Dial {
    #[default]
    Tcp,
    #[cfg(feature = "proxy")]
    Proxied(Arc<Proxies>),
    Own(Arc<dyn Fn(Destination) -> Dialling + Send + Sync>),
}

impl Dial {
    pub(crate) fn own<F, Fut, S>(dial: F) -> Self
    where
        F: Fn(Destination) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self::Own(Arc::new(move |to| {
            let dialling = dial(to);
            Box::pin(async move { Ok(Dialled::Other(Box::pin(dialling.await?))) })
        }))
    }

    /// Opens a stream to a target. The caller sets a deadline.
    pub(crate) async fn open(&self, target: &Target, stage: &Stage) -> Result<Dialled, ConnectError> {
        let to = Destination::of(target);
        let opened = match self {
            Self::Tcp => tcp::connect(&to, stage).await.map(Dialled::Tcp),
            #[cfg(feature = "proxy")]
            Self::Proxied(proxies) => proxies.open(&to, stage).await,
            Self::Own(dial) => {
                stage.set("waiting for the application's dial");
                let dial = dial.clone();
                let dialled =
                    in_own_task("the application's dial panicked", async move { dial(to).await }).await;
                dialled.unwrap_or_else(|| Err(io::Error::other("the application's dial panicked")))
            }
        };
        opened.map_err(|source| ConnectError::Io { address: target.address(), source })
    }
}

impl Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "Tcp",
            #[cfg(feature = "proxy")]
            Self::Proxied(_) => "Proxied",
            Self::Own(_) => "Own",
        })
    }
}
