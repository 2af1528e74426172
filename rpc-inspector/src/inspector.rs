//! [`Inspector`]: its settings, and the inspector itself.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use birpc_core::{Keepalive, Peer, RawValue, Router};
use birpc_server::{Acceptor, Handshake, Refusal, Server, ServerHandle};
use thiserror::Error;
use tokio::net::{TcpListener, ToSocketAddrs};

use crate::access::{Access, Authorize, Hosts, Key};
use crate::contract::InspectServer;
use crate::peer_list::NameUser;
use crate::service::Service;
use crate::token::Token;
use crate::watch::Watches;
use crate::web;

/// The number of pages that may be connected.
const MAX_PAGES: usize = 128;

/// The size of a contract, in bytes. It is sent to each page.
const MAX_CONTRACT: usize = 2 << 20;

/// The size of a message that a page may send, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// An inspector that is bound to its address: a page that shows what a server does. [`Inspector::serve`]
/// runs it.
///
/// The page shows the connected peers and their groups, the calls that are open and for how long, rates and
/// durations by method, the latest errors, how near each limit is, and, for a chosen peer, the messages from
/// then on. In these, the values of keys that name secrets are replaced, and so is what `#[rpc(sensitive)]`
/// marks.
///
/// Without other settings it listens on a loopback address, and serves only those who know the random token
/// in [`Inspector::url`], whose `Host` is a name of this machine, and, for the WebSocket, whose `Origin` is
/// the page's.
///
/// ```no_run
/// # async fn example(server: birpc_server::Server, router: birpc_core::Router)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use birpc_inspector::Inspector;
///
/// let inspector = Inspector::of(&server.handle()).bind("127.0.0.1:0").await?;
/// println!("inspector on {}", inspector.url());
/// tokio::spawn(inspector.serve());
/// server.serve(router).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Inspector {
    listener: TcpListener,
    address: SocketAddr,
    access: Access,
    acceptor: Acceptor,
    /// `None` if the application decides who may see the page.
    token: Option<Token>,
}

/// The settings of an [`Inspector`].
#[must_use]
pub struct InspectorBuilder {
    server: ServerHandle,
    name: String,
    user: Option<NameUser>,
    calls: bool,
    contract: Option<String>,
    authorize: Option<Authorize>,
    hosts: Option<Hosts>,
}

/// Why an inspector cannot run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The address is not a loopback address, and [`InspectorBuilder::authorize`] is not set.
    #[error(
        "the inspector does not listen on {0} with a token alone, which anyone on the network could read: \
         use a loopback address, such as 127.0.0.1:0, or set `authorize`"
    )]
    NotLoopback(SocketAddr),
    /// An error of the system.
    #[error("the inspector cannot listen: {0}")]
    Io(#[from] io::Error),
    /// The text of [`InspectorBuilder::contract`] is not JSON, or has more than 2 MiB.
    #[error("the inspector's contract is not JSON of at most 2 MiB: {0}")]
    Contract(String),
    /// The system has no random numbers for the token.
    #[error("the system has no random numbers for the inspector's token")]
    NoRandom,
}

impl Inspector {
    /// Begins the settings of an inspector for the server with this handle, which may be that of a
    /// [`Server`] or of an [`Acceptor`].
    pub fn of(server: &ServerHandle) -> InspectorBuilder {
        InspectorBuilder {
            server: server.clone(),
            name: String::new(),
            user: None,
            calls: false,
            contract: None,
            authorize: None,
            hosts: None,
        }
    }

    /// The address that the inspector listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address of the page, with its token: `http://127.0.0.1:PORT/?token=…`. Whoever knows it sees
    /// everything that the inspector shows, so print it only where the server's operator reads it. With
    /// [`InspectorBuilder::authorize`] there is no token.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.token {
            Some(token) => format!("http://{}/?token={}", self.address, token.text()),
            None => format!("http://{}/", self.address),
        }
    }

    /// Serves the page. The inspector runs while the future is polled, and does not end by itself.
    ///
    /// # Cancel safety
    /// Dropping the future ends the connections of all pages.
    pub async fn serve(self) {
        web::serve(self.listener, self.access, self.acceptor).await;
    }
}

impl InspectorBuilder {
    /// Sets the name that the page shows. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets a function that names the user of a peer, such as from a value that `authorize` has granted.
    /// Default: none. Without it, and where it returns `None`, the page shows the user that the peer belongs
    /// to ([`birpc_server::Grant::user`], [`birpc_core::Groups::set_user`]).
    ///
    /// ```
    /// # use birpc_inspector::InspectorBuilder;
    /// struct User(String);
    ///
    /// # fn example(inspector: InspectorBuilder) -> InspectorBuilder {
    /// inspector.user(|peer| peer.get::<User>().map(|user| user.0.clone()))
    /// # }
    /// ```
    pub fn user(mut self, name: impl Fn(&Peer) -> Option<String> + Send + Sync + 'static) -> Self {
        self.user = Some(Arc::new(name));
        self
    }

    /// Lets the page call methods of a chosen peer, and close its connection. Default: off.
    pub fn allow_calls(mut self) -> Self {
        self.calls = true;
        self
    }

    /// Sets the contract from which the page makes forms for the calls that [`InspectorBuilder::allow_calls`]
    /// allows: an OpenRPC document whose `x-client` lists what peers serve, such as the text that
    /// `Contract::openrpc` returns. Default: none, and the page asks for a method's name and params.
    pub fn contract(mut self, openrpc: impl Into<String>) -> Self {
        self.contract = Some(openrpc.into());
        self
    }

    /// Sets a function that decides who may see the page, instead of a token. It is asked for each request,
    /// for that of the page and for that of its WebSocket, within ten seconds. It is required for any address
    /// that is not a loopback address. If it panics, the request is refused with 500.
    ///
    /// The inspector does not speak TLS: between it and the operator's browser there must be a proxy that
    /// does, or a tunnel.
    ///
    /// ```
    /// # use birpc_inspector::InspectorBuilder;
    /// # use birpc_server::Refusal;
    /// # async fn is_operator(session: &str) -> bool { true }
    /// # fn example(inspector: InspectorBuilder) -> InspectorBuilder {
    /// inspector.authorize(|request| async move {
    ///     let session = request.cookie("session").ok_or(Refusal::forbidden("log in first"))?;
    ///     if is_operator(session).await { Ok(()) } else { Err(Refusal::forbidden("operators only")) }
    /// })
    /// # }
    /// ```
    pub fn authorize<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.authorize = Some(Arc::new(move |handshake| Box::pin(hook(handshake))));
        self
    }

    /// Sets the `Host`s that are served, such as the name under which a proxy is reached. Others are answered
    /// with 403. A name without a port matches any port. Default: for a loopback address the names of this
    /// machine, and with [`InspectorBuilder::authorize`] on any other address every host.
    pub fn hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts = Some(Hosts::Listed(hosts.into_iter().map(Into::into).collect()));
        self
    }

    /// Binds the inspector to an address.
    ///
    /// # Errors
    /// See [`InspectError`].
    pub async fn bind(self, address: impl ToSocketAddrs) -> Result<Inspector, InspectError> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let is_loopback = address.ip().to_canonical().is_loopback();
        if !is_loopback && self.authorize.is_none() {
            return Err(InspectError::NotLoopback(address));
        }
        let hosts = self.hosts.unwrap_or(if is_loopback { Hosts::Loopback } else { Hosts::Any });
        let (key, token) = match self.authorize {
            Some(authorize) => (Key::Authorize(authorize), None),
            None => {
                let token = Token::random().map_err(|_| InspectError::NoRandom)?;
                (Key::Token(token.clone()), Some(token))
            }
        };
        let watches = Arc::new(Watches::new(self.server));
        let contract = self.contract.map(checked_contract).transpose()?;
        let service = Service { watches, name: self.name, user: self.user, calls: self.calls, contract };
        let acceptor = acceptor(service)?;
        Ok(Inspector { listener, address, access: Access::new(key, hosts), acceptor, token })
    }
}

fn checked_contract(text: String) -> Result<Box<RawValue>, InspectError> {
    if text.len() > MAX_CONTRACT {
        return Err(InspectError::Contract(format!("it has {} bytes", text.len())));
    }
    RawValue::from_string(text).map_err(|error| InspectError::Contract(error.to_string()))
}

/// Serves the pages' connections.
fn acceptor(service: Service) -> Result<Acceptor, InspectError> {
    let limits = |limits: &mut birpc_core::Limits| {
        limits.max_connections = MAX_PAGES;
        limits.max_message_in = MAX_MESSAGE;
        limits.max_message_out = 4 << 20;
        limits.max_in_flight = 16;
        limits.max_open = 32;
        limits.max_streams = 32;
    };
    let builder = Server::builder().keepalive(Keepalive::default()).limits(limits);
    let mounted = builder.mount(Router::new().service(InspectServer::new(service)));
    mounted.map_err(|error| InspectError::Io(io::Error::other(error)))
}

impl fmt::Debug for InspectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InspectorBuilder")
            .field("name", &self.name)
            .field("calls", &self.calls)
            .field("authorize", &self.authorize.is_some())
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}
