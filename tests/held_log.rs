//! The log names the method that holds its connection's task.
//!
//! Alone in its binary, since it hears all threads: it is the watchdog's that says so.

mod support;

use std::fmt::{self, Write};
use std::thread;
use std::time::Duration;

use birpc::{Context, ErrorObject, Router};
use support::{Join, NoParams, Record, Side};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context as Spans, SubscriberExt};

/// The fields of each warning.
struct Warnings(Record<String>);

impl<S: Subscriber> tracing_subscriber::Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Spans<'_, S>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                write!(self.0, "{field}={value:?} ").expect("it is a string");
            }
        }
        if *event.metadata().level() == Level::WARN {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.push(line.0);
        }
    }
}

#[tokio::test]
async fn the_log_names_the_method_once() {
    let warnings = Record::default();
    let subscriber = tracing_subscriber::registry().with(Warnings(warnings.clone()));
    tracing::subscriber::set_global_default(subscriber).expect("nobody else has set one");
    for (method, time) in [("held long", 2500), ("held shortly", 600)] {
        let serving = Router::new().request(method, move |_: Context, _: NoParams| async move {
            thread::sleep(Duration::from_millis(time));
            Ok::<_, ErrorObject>(())
        });
        let pair = Join::Memory.peers(Side::default(), Side::new(serving)).await;
        pair.client.call::<()>(method, ()).await.expect("a result");
    }
    let lines = warnings.take();
    let of = |method: &str| lines.iter().filter(|line| line.contains(method)).count();
    assert_eq!((of("held long"), of("held shortly")), (1, 0), "{lines:?}");
}
