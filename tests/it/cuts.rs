//! Connections that a proxy or firewall cuts again and again.

use std::time::Duration;

use birpc::{Client, Event, Reconnect, Router};
use tracing::Level;

use crate::support::front::Front;
use crate::support::logs::Logs;
use crate::support::{Side, bounded, listen};

#[tokio::test]
async fn a_client_that_is_cut_before_its_first_ping_warns_once_and_names_keepalive() {
    bounded(async {
        let logs = Logs::hear();
        let front = Front::before(listen(Side::new(Router::new())).await.address).await;
        let reconnect = Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(20));
        let client = Client::builder().reconnect(reconnect).connect(&front.url()).await.expect("a server");
        let mut events = client.events();
        for cuts in 0..6 {
            assert_eq!(events.next().await, Some(Event::Open));
            let warnings = logs.with(Level::WARN, "ClientBuilder::keepalive").len();
            assert_eq!(warnings, usize::from(cuts >= 3), "after {cuts} cuts");
            front.cut();
            assert!(matches!(events.next().await, Some(Event::Lost(_))));
        }
    })
    .await;
}
