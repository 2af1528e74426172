//! A client that connects to a server in the same process, for tests.

use std::future::ready;

use birpc_core::testing::InMemoryClient;
use tokio::io::DuplexStream;

use crate::builder::ClientBuilder;
use crate::client::Client;
use crate::error::ConnectError;

impl InMemoryClient for ClientBuilder {
    type Client = Client;
    type Error = ConnectError;

    async fn connect_over_streams(
        self,
        url: String,
        open: impl Fn() -> DuplexStream + Send + Sync + 'static,
    ) -> Result<Client, ConnectError> {
        self.dial(move |_| ready(Ok(open()))).connect(&url).await
    }
}
