//! Captures the log events of this thread.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::marker::PhantomData;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};

/// An event.
#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub target: String,
    /// The message, followed by the other fields as ` name=value`.
    pub text: String,
}

thread_local! {
    /// Set while a test on this thread captures events.
    static LINES: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
}

/// The warnings of all threads since the first test began to capture.
static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Captures the events of this thread while it exists. A test that uses it runs on one thread.
pub struct Logs {
    /// Makes the type stay on its thread.
    thread: PhantomData<*const ()>,
}

impl Logs {
    /// Starts to capture. All tests of a program share one subscriber: subscribers that come and go would
    /// affect what the others receive.
    pub fn hear() -> Self {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            let subscriber = tracing_subscriber::registry().with(Listener);
            tracing::subscriber::set_global_default(subscriber).expect("no other is set");
        });
        // If another thread meets an event for the first time just before this, the event may be cached as
        // disabled.
        tracing::callsite::rebuild_interest_cache();
        LINES.set(Some(Vec::new()));
        Self { thread: PhantomData }
    }

    /// The events of birpc so far.
    pub fn lines(&self) -> Vec<Line> {
        LINES.with_borrow(|lines| lines.clone().unwrap_or_default())
    }

    /// The texts of events with this level that contain `part`.
    pub fn with(&self, level: Level, part: &str) -> Vec<String> {
        let lines = self.lines().into_iter().filter(|line| line.level == level && line.text.contains(part));
        lines.map(|line| line.text).collect()
    }

    /// The warnings of all threads that contain `part`; other tests may log at the same time.
    pub fn warnings_of_all_threads(&self, part: &str) -> Vec<String> {
        let warnings = WARNINGS.lock().expect("no test panics while it holds the lock");
        warnings.iter().filter(|text| text.contains(part)).cloned().collect()
    }

    /// The texts of the wire log.
    pub fn wire(&self) -> Vec<String> {
        let lines = self.lines().into_iter().filter(|line| line.target == "birpc::wire");
        lines.map(|line| line.text).collect()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct Listener;

impl<S: Subscriber> tracing_subscriber::Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if target.starts_with("birpc") {
            let mut text = Text::default();
            event.record(&mut text);
            let (level, text) = (*event.metadata().level(), text.message + &text.fields);
            if level == Level::WARN {
                WARNINGS.lock().expect("no test panics while it holds the lock").push(text.clone());
            }
            let line = Line { level, target: target.into(), text };
            LINES.with_borrow_mut(|lines| {
                if let Some(lines) = lines {
                    lines.push(line);
                }
            });
        }
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = if field.name() == "message" { &mut self.message } else { &mut self.fields };
        let name = if field.name() == "message" { String::new() } else { format!(" {}=", field.name()) };
        write!(text, "{name}{value:?}").expect("it is a string");
    }

    /// Not escaped, as a subscriber may write it.
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.fields, " {}={value}", field.name()).expect("it is a string");
    }
}
