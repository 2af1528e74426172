//! One connection to a NATS server: an async-nats client that is used until its connection is lost, and never
//! reconnects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_nats::{Client, Event, PublishErrorKind, ServerError};
use birpc_cluster::{BackplaneError, Topic};
use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{sleep, timeout};

use crate::inlet::{Inlet, Intake, Source};
use crate::queue::Queue;
use crate::subjects::Subjects;
use crate::subscriptions::{About, Begun, Subscriptions};

/// How long a method waits for the server.
const WAIT: Duration = Duration::from_secs(1);

/// async-nats reports a refusal in a task of its own, so it may be known later than the answer to what was
/// sent after the subscription. Names are hashed, so permissions are of kinds of topics. So one waits this
/// long for the first topic of each kind, and for all of them once a refusal has come too late.
const REFUSAL: Duration = Duration::from_millis(50);

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    client: OnceLock<Client>,
    subjects: Subjects,
    intake: Arc<Intake>,
    subscriptions: Mutex<Subscriptions>,
    replies: OnceLock<Arc<Inlet>>,
    probes: AsyncMutex<Probes>,
    waiting_for_probe: Mutex<u64>,
    /// Why it has ended.
    ended: watch::Sender<Option<String>>,
    /// Which kinds of topics the server has let it subscribe to.
    permitted: [AtomicBool; 4],
    /// Whether a refusal came too late for whoever subscribed.
    is_careful: Arc<AtomicBool>,
    has_warned: AtomicBool,
}

/// The round trips of a connection. One is under way at a time, and the next one is for all who wait.
#[derive(Debug, Default)]
struct Probes {
    last: u64,
    /// Whose waiting is over: those up to this number.
    answered: u64,
}

impl Connection {
    pub(crate) fn new(subjects: Subjects, queue: Arc<Queue>, is_careful: Arc<AtomicBool>) -> Self {
        Self {
            client: OnceLock::new(),
            subjects,
            intake: Arc::new(Intake::new(queue)),
            subscriptions: Mutex::default(),
            replies: OnceLock::new(),
            probes: AsyncMutex::default(),
            waiting_for_probe: Mutex::default(),
            ended: watch::Sender::new(None),
            permitted: Default::default(),
            is_careful,
            has_warned: AtomicBool::new(false),
        }
    }

    /// Begins to use a client, and tries whether it may publish and subscribe.
    ///
    /// # Errors
    /// The server's refusal, or what else it does.
    pub(crate) async fn begin(&self, client: Client) -> Result<(), String> {
        let client = self.client.get_or_init(|| client);
        let subscribed = client.subscribe(self.subjects.replies()).await;
        let subscriber = subscribed.map_err(|error| error.to_string())?;
        let inlet = Inlet::new(subscriber, Source::Replies, self.intake.clone());
        // It is set once: a connection begins once.
        let _ = self.replies.set(inlet);
        self.round_trip().await.map_err(|error| self.why_ended().unwrap_or_else(|| error.to_string()))
    }

    /// The largest message that the server takes; `None` before there is a client.
    pub(crate) fn max_payload(&self) -> Option<usize> {
        self.client.get().map(Client::max_payload)
    }

    /// The other servers of the NATS cluster.
    pub(crate) fn other_servers(&self) -> Vec<String> {
        self.client.get().map(|client| client.server_info().connect_urls).unwrap_or_default()
    }

    /// Publishes a message, which is not too large.
    pub(crate) async fn publish(
        &self,
        subject: String,
        bytes: Bytes,
        tag: Option<u64>,
    ) -> Result<(), BackplaneError> {
        let client = self.live()?;
        let publish = async {
            match tag.map(|tag| self.subjects.reply(tag)) {
                Some(reply) => client.publish_with_reply(subject, reply, bytes).await,
                None => client.publish(subject, bytes).await,
            }
        };
        match timeout(WAIT, publish).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == PublishErrorKind::Send => {
                self.end("the client has ended");
                Err(BackplaneError::Unreachable)
            }
            // The limit has become smaller in the meantime.
            Ok(Err(error)) => Err(BackplaneError::Refused(error.to_string())),
            Err(_) => self.live().and(Err(BackplaneError::Overloaded)),
        }
    }

    /// Subscribes to a topic, until the server has the subscription.
    pub(crate) async fn subscribe(&self, topic: &Topic, subject: String) -> Result<(), BackplaneError> {
        self.live()?;
        let Some(begun) = self.subscriptions().begin(&subject) else { return Ok(()) };
        let Begun { id, inlet } = begun;
        let permitted = &self.permitted[kind(topic)];
        let waiting = Waiting { connection: self, subject, id, is_over: false };
        let subscribe = async {
            let open = || self.open(topic, &waiting.subject);
            inlet.get_or_try_init(open).await?;
            self.round_trip().await?;
            if self.is_careful.load(Ordering::Relaxed) || !permitted.load(Ordering::Relaxed) {
                sleep(REFUSAL).await;
            }
            Ok(())
        };
        match timeout(WAIT, subscribe).await {
            Ok(Ok(())) => waiting.answered().map(|()| permitted.store(true, Ordering::Relaxed)),
            Ok(Err(error)) => Err(error),
            Err(_) => self.live().and(Err(BackplaneError::Overloaded)),
        }
    }

    /// Ends a subscription.
    pub(crate) async fn unsubscribe(&self, subject: &str) {
        let ended = self.subscriptions().remove(subject);
        let Some(mut subscriber) = ended.and_then(|ended| ended.get()?.close()) else { return };
        // Past the time, dropping it does the same when there is room.
        let _ = timeout(WAIT, subscriber.unsubscribe()).await;
    }

    /// Sends a message to itself, and waits until it is back: the server has what was sent before.
    pub(crate) async fn round_trip(&self) -> Result<(), BackplaneError> {
        let number = {
            let mut last = self.waiting_for_probe.lock().unwrap_or_else(PoisonError::into_inner);
            *last += 1;
            *last
        };
        let mut probes = self.probes.lock().await;
        if probes.answered >= number {
            return Ok(());
        }
        let client = self.live()?;
        // Whoever waits by now has sent what it waits for.
        let covers = *self.waiting_for_probe.lock().unwrap_or_else(PoisonError::into_inner);
        probes.last += 1;
        let probe = probes.last;
        let mut answers = self.intake.answers();
        let published = client.publish(self.subjects.probe(probe), Bytes::new()).await;
        published.map_err(|_| BackplaneError::Unreachable)?;
        tokio::select! {
            _ = answers.wait_for(|last| *last >= probe) => probes.answered = covers,
            _ = self.ended() => return Err(BackplaneError::Unreachable),
        }
        Ok(())
    }

    /// Waits until it has ended, and returns why.
    pub(crate) async fn ended(&self) -> String {
        let mut ended = self.ended.subscribe();
        let why = ended.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        // The sender is part of this, so it is there.
        why.unwrap_or_default()
    }

    /// Ends it, unless it has ended.
    pub(crate) fn end(&self, why: impl Into<String>) {
        self.ended.send_if_modified(|ended| {
            let is_first = ended.is_none();
            ended.get_or_insert_with(|| why.into());
            is_first
        });
    }

    /// Takes an event of the client.
    pub(crate) fn note_event(&self, event: Event) {
        match event {
            Event::Disconnected | Event::Closed => self.end("the connection has ended"),
            Event::SlowConsumer(_) => self.intake.note_overrun(),
            Event::ServerError(ServerError::Other(why)) => self.note_refusal(why),
            Event::ServerError(error) => self.end(error.to_string()),
            _ => {}
        }
    }

    /// Takes an error of the server. It closes the connection, unless it is about a permission or a number.
    fn note_refusal(&self, why: String) {
        let what = why.to_ascii_lowercase();
        let subject = why.split('"').nth(1);
        let is_own = subject.is_some_and(|subject| self.subjects.is_reply(subject));
        let about = if is_own {
            return self.end(why);
        } else if what.starts_with("permissions violation for publish") {
            if !self.has_warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(why, "NATS refuses what this server publishes; this is not logged again");
            }
            return;
        } else if what.starts_with("permissions violation for subscription") {
            self.subscriptions().refuse(subject, &why)
        } else if what.starts_with("maximum subscriptions exceeded") {
            self.subscriptions().refuse(None, &why)
        } else {
            return self.end(why);
        };
        if about == About::Proved {
            // The next connection waits long enough to tell whoever subscribes.
            self.is_careful.store(true, Ordering::Relaxed);
            self.end(why);
        }
    }

    async fn open(&self, topic: &Topic, subject: &str) -> Result<Arc<Inlet>, BackplaneError> {
        let subscribed = self.live()?.subscribe(subject.to_owned()).await;
        let subscriber = subscribed.map_err(|_| BackplaneError::Unreachable)?;
        Ok(Inlet::new(subscriber, Source::Topic(topic.clone()), self.intake.clone()))
    }

    /// The client, unless the connection has ended.
    fn live(&self) -> Result<&Client, BackplaneError> {
        let client = self.client.get().filter(|_| self.ended.borrow().is_none());
        client.ok_or(BackplaneError::Unreachable)
    }

    fn why_ended(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Someone waits for a subscription. Dropping this ends the subscription, unless someone else waits for it
/// too or the server has it.
struct Waiting<'a> {
    connection: &'a Connection,
    subject: String,
    id: u64,
    is_over: bool,
}

impl Waiting<'_> {
    /// The server has answered what was sent after the subscription.
    fn answered(mut self) -> Result<(), BackplaneError> {
        self.finish(true).map_or(Ok(()), |why| Err(BackplaneError::Refused(why)))
    }

    fn finish(&mut self, is_answered: bool) -> Option<String> {
        if std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        let (ended, refused) = self.connection.subscriptions().finish(&self.subject, self.id, is_answered);
        drop(ended);
        refused
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.finish(false);
    }
}

/// The index of a topic's kind.
fn kind(topic: &Topic) -> usize {
    match topic {
        Topic::All => 0,
        Topic::Group(_) => 1,
        Topic::User(_) => 2,
        _ => 3,
    }
}
