//! One outage of a client: from the loss of its connection to the next connection.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::ReconnectDriver;
use birpc_core::transport::Transport;
use birpc_core::{CloseReason, ConnectionInfo};
use tokio::time::{Instant, sleep};

use super::renewal::Renewal;
use crate::attempt::History;
use crate::error::ConnectError;
use crate::refusal::retry_after;

/// The maximum of a server's `Retry-After` that the client respects.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// When the application requests a connection, an attempt of this age is replaced by a new one: its packets
/// may have gone to a network that the machine has left.
const STALE_ATTEMPT: Duration = Duration::from_secs(1);

/// The outcome of an attempt.
enum Outcome<T> {
    Opened((T, ConnectionInfo)),
    Failed(ConnectError),
    /// The attempt was replaced by a new one.
    Stale,
}

impl<D, F, T> Renewal<D>
where
    D: Fn(History) -> F,
    F: Future<Output = Result<(T, ConnectionInfo), ConnectError>>,
    T: Transport,
{
    /// Retries until there is a connection or no further attempt is to be made. `delay` is that of the first
    /// attempt.
    pub(super) async fn restore(
        &mut self,
        lost: CloseReason,
        mut delay: Duration,
        began: Instant,
    ) -> Result<(T, ConnectionInfo), CloseReason> {
        self.now.forget();
        self.driver.down(lost.clone());
        let (mut why, mut failed) = (lost.to_string(), None);
        loop {
            if self.settings.max_attempts.is_some_and(|most| self.attempts >= most) {
                return Err(ReconnectDriver::lost(format!(
                    "not restored in {} attempts: {why}",
                    self.attempts
                )));
            }
            self.wait(delay).await?;
            self.attempts = self.attempts.saturating_add(1);
            let history = History { number: self.attempts, lost: Some(lost.clone()), failed: failed.clone() };
            let error = match self.attempt(history).await? {
                Outcome::Opened(opened) => return Ok(opened),
                Outcome::Stale => {
                    self.attempts -= 1;
                    delay = Duration::ZERO;
                    continue;
                }
                Outcome::Failed(error) => Arc::new(error),
            };
            why = error.to_string();
            let again = tokio::select! {
                reason = self.driver.closing() => return Err(reason),
                again = self.settings.tries_again(&error) => again,
            };
            if !again {
                return Err(ReconnectDriver::lost(format!("not restored, and not retried: {why}")));
            }
            tracing::debug!(%why, "an attempt to reconnect failed");
            delay = self.backoff.delay(began.elapsed()) + asked_to_wait(&error);
            failed = Some(error);
        }
    }

    /// Waits for the delay, or until the application requests a connection.
    async fn wait(&mut self, delay: Duration) -> Result<(), CloseReason> {
        tokio::select! {
            reason = self.driver.closing() => return Err(reason),
            () = self.now.asked() => self.backoff.start_over(),
            () = sleep(delay) => {}
        }
        Ok(())
    }

    async fn attempt(&mut self, history: History) -> Result<Outcome<T>, CloseReason> {
        let began = Instant::now();
        let mut opening = pin!((self.dial)(history));
        loop {
            tokio::select! {
                reason = self.driver.closing() => return Err(reason),
                opened = opening.as_mut() => {
                    return Ok(opened.map_or_else(Outcome::Failed, Outcome::Opened));
                }
                () = self.now.asked() => {
                    self.backoff.start_over();
                    if began.elapsed() >= STALE_ATTEMPT {
                        return Ok(Outcome::Stale);
                    }
                }
            }
        }
    }
}

/// How long the server asked this client to wait when it refused the attempt.
fn asked_to_wait(error: &ConnectError) -> Duration {
    match error {
        ConnectError::Refused { headers, .. } => {
            retry_after(headers).unwrap_or_default().min(MAX_RETRY_AFTER)
        }
        _ => Duration::ZERO,
    }
}
