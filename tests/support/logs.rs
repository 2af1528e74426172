//! Hears what is logged on this thread.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};

/// One event.
#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub target: String,
    /// The message, and its other fields as ` name=value`.
    pub text: String,
}

/// The events of this thread while it lives: a test that uses it runs on one thread.
pub struct Logs {
    lines: Arc<Mutex<Vec<Line>>>,
    _guard: DefaultGuard,
}

impl Logs {
    pub fn hear() -> Self {
        let lines = Arc::default();
        let subscriber = tracing_subscriber::registry().with(Listener(Arc::clone(&lines)));
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Those of birpc so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().expect("no panic").clone()
    }

    /// The texts of those with this level, that have this text in them.
    pub fn with(&self, level: Level, part: &str) -> Vec<String> {
        let lines = self.lines().into_iter().filter(|line| line.level == level && line.text.contains(part));
        lines.map(|line| line.text).collect()
    }

    /// The texts of the wire log.
    pub fn wire(&self) -> Vec<String> {
        let lines = self.lines().into_iter().filter(|line| line.target == "birpc::wire");
        lines.map(|line| line.text).collect()
    }
}

struct Listener(Arc<Mutex<Vec<Line>>>);

impl<S: Subscriber> tracing_subscriber::Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if target.starts_with("birpc") {
            let mut text = Text::default();
            event.record(&mut text);
            let (level, text) = (*event.metadata().level(), text.message + &text.fields);
            self.0.lock().expect("no panic").push(Line { level, target: target.into(), text });
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

    /// Raw, as a subscriber may write it.
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.fields, " {}={value}", field.name()).expect("it is a string");
    }
}
