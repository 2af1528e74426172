//! The log names the method that holds its connection's task.
//!
//! Alone in its binary: whether a thread hears an event is cached for all threads.

mod support;

use std::thread;
use std::time::Duration;

use birpc::{Context, ErrorObject, Router};
use support::logs::Logs;
use support::{Join, NoParams, Side};

#[tokio::test]
async fn the_log_names_the_method_once() {
    let logs = Logs::hear();
    for (method, time) in [("held long", 2500), ("held shortly", 600)] {
        let serving = Router::new().request(method, move |_: Context, _: NoParams| async move {
            thread::sleep(Duration::from_millis(time));
            Ok::<_, ErrorObject>(())
        });
        let pair = Join::Memory.peers(Side::default(), Side::new(serving)).await;
        pair.client.call::<()>(method, ()).await.expect("a result");
    }
    let of = |method: &str| logs.with(tracing::Level::WARN, method).len();
    assert_eq!((of("held long"), of("held shortly")), (1, 0), "{:?}", logs.lines());
}
