//! The log names the method that blocks its connection's task.

use std::thread;
use std::time::Duration;

use birpc::{Context, ErrorObject, Router};

use crate::support::logs::Logs;
use crate::support::{Join, NoParams, Side};

#[tokio::test]
async fn the_log_names_the_method_once() {
    let logs = Logs::hear();
    for (method, time) in [("held long", 2500), ("held shortly", 600)] {
        let serving = Router::new().method(method, move |_: Context, _: NoParams| async move {
            thread::sleep(Duration::from_millis(time));
            Ok::<_, ErrorObject>(())
        });
        let pair = Join::Memory.peers(Side::default(), Side::new(serving)).await;
        pair.client.call::<()>(method, ()).await.expect("a result");
    }
    // The watchdog's thread writes the warnings.
    let [long, short] = ["held long", "held shortly"].map(|method| logs.warnings_of_all_threads(method));
    assert_eq!((long.len(), short.len()), (1, 0), "{long:?} {short:?}");
}
