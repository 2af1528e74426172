//! Opens connections to NATS servers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{ConnectErrorKind, ConnectOptions, Event};
use birpc_core::__private::crates::jitter;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::ConnectError;
use crate::queue::Queue;
use crate::servers::{Server, Servers, User};
use crate::subjects::Subjects;

/// How long one address of a server may take.
const ADDRESS: Duration = Duration::from_secs(2);

/// How long a server may take, with all its addresses.
const SERVER: Duration = Duration::from_secs(6);

/// How long a server may take to answer what is sent after the handshake.
const BEGIN: Duration = Duration::from_secs(2);

/// async-nats' own pings. Three that are unanswered end its task, if it cannot be ended otherwise.
const PINGS: Duration = Duration::from_secs(2);

/// How many commands wait for async-nats' task. Each may be a message of the largest size.
const COMMANDS: usize = 16;

/// How many messages of a subscription may arrive before it is read for the first time.
const FIRST_MESSAGES: usize = 4096;

/// After its connection is lost, an async-nats client tries once more to connect, and its task ends only
/// then. Many servers lose their connections at the same time.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// How to connect.
pub(crate) struct Settings {
    pub(crate) subjects: Subjects,
    pub(crate) name: Option<String>,
    pub(crate) user: Option<User>,
    pub(crate) key: Option<Key>,
    pub(crate) tls: rustls::ClientConfig,
    pub(crate) requires_tls: bool,
    /// Whether a refusal came too late for whoever subscribed.
    pub(crate) is_careful: Arc<AtomicBool>,
}

/// A key of NATS.
#[derive(Clone)]
#[cfg_attr(not(feature = "nkeys"), expect(dead_code, reason = "needs the feature"))]
pub(crate) enum Key {
    /// A seed, `SU…`.
    Seed(String),
    /// The text of a credentials file.
    Credentials(String),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Settings {
    /// Connects to one of the servers, trying each of them once.
    ///
    /// # Errors
    /// Of the last server; a refusal rather than anything else.
    pub(crate) async fn connect_to_one(
        &self,
        servers: &mut Servers,
        queue: &Arc<Queue>,
    ) -> Result<Arc<Connection>, ConnectError> {
        let mut failed = None;
        for server in servers.shuffled() {
            match self.connect(&server, queue).await {
                Ok(connection) => {
                    servers.note_told(&server, &connection.other_servers());
                    return Ok(connection);
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection to NATS");
                    if !matches!(failed, Some(ConnectError::Refused { .. })) {
                        failed = Some(error);
                    }
                }
            }
        }
        let none = || ConnectError::Unreachable { server: "none".into(), why: "no server is given".into() };
        Err(failed.unwrap_or_else(none))
    }

    async fn connect(&self, server: &Server, queue: &Arc<Queue>) -> Result<Arc<Connection>, ConnectError> {
        let name = server.name();
        let unreachable = |why: &str| ConnectError::Unreachable { server: name.clone(), why: why.to_owned() };
        let connection =
            Arc::new(Connection::new(self.subjects.clone(), queue.clone(), self.is_careful.clone()));
        let options = self.options(server, &connection)?;
        let client = timeout(SERVER, options.connect(server.address.clone())).await;
        let client = client.map_err(|_| unreachable("it does not answer in time"))?.map_err(|error| {
            let refused = |why: String| ConnectError::Refused { server: name.clone(), why };
            match error.kind() {
                ConnectErrorKind::AuthorizationViolation => refused("authorization violation".into()),
                // The client cannot sign with the key.
                ConnectErrorKind::Authentication => ConnectError::Credentials(error.to_string()),
                _ => unreachable(&error.to_string()),
            }
        })?;
        match timeout(BEGIN, connection.begin(client)).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(why)) => Err(ConnectError::Refused { server: name, why }),
            Err(_) => Err(unreachable("it does not answer in time")),
        }
    }

    /// The options of a client for one connection.
    fn options(&self, server: &Server, connection: &Arc<Connection>) -> Result<ConnectOptions, ConnectError> {
        let (of_events, of_attempts) = (Arc::downgrade(connection), Arc::downgrade(connection));
        let has_tried = AtomicBool::new(false);
        let mut options = ConnectOptions::new()
            .max_reconnects(1)
            .ignore_discovered_servers()
            .connection_timeout(ADDRESS)
            .ping_interval(PINGS)
            .client_capacity(COMMANDS)
            .subscription_capacity(FIRST_MESSAGES)
            // They are made in `subjects`.
            .skip_subject_validation(true)
            .require_tls(self.requires_tls)
            .tls_client_config(self.tls.clone())
            .event_callback(move |event: Event| {
                if let Some(connection) = of_events.upgrade() {
                    connection.note_event(event);
                }
                std::future::ready(())
            })
            // The client calls this when it begins to connect, and then when it has lost the connection.
            .reconnect_delay_callback(move |_| {
                if !has_tried.swap(true, Ordering::Relaxed) {
                    return Duration::ZERO;
                }
                if let Some(connection) = of_attempts.upgrade() {
                    connection.end("the connection was lost");
                }
                jitter(LAST_ATTEMPT)
            });
        if let Some(name) = &self.name {
            options = options.name(name);
        }
        options = match server.user.as_ref().or(self.user.as_ref()) {
            Some(User::Password { user, password }) => {
                options.user_and_password(user.clone(), password.clone())
            }
            Some(User::Token(token)) => options.token(token.clone()),
            None => options,
        };
        with_key(options, self.key.as_ref())
    }
}

#[cfg(feature = "nkeys")]
fn with_key(options: ConnectOptions, key: Option<&Key>) -> Result<ConnectOptions, ConnectError> {
    match key {
        Some(Key::Seed(seed)) => Ok(options.nkey(seed.clone())),
        Some(Key::Credentials(text)) => {
            options.credentials(text).map_err(|error| ConnectError::Credentials(error.to_string()))
        }
        None => Ok(options),
    }
}

#[cfg(not(feature = "nkeys"))]
fn with_key(options: ConnectOptions, _: Option<&Key>) -> Result<ConnectOptions, ConnectError> {
    Ok(options)
}
