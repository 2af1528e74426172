//! birpc's client and server, both with default settings; see [`birpc_bench::pair::run`].

use std::error::Error;

use birpc::{Client, Server};
use birpc_bench::pair::{self, Adds};
use birpc_bench::service::{BenchClient, router};

#[derive(Clone)]
struct Stub(BenchClient);

impl Adds for Stub {
    async fn add(&self, a: i64, b: i64) -> i64 {
        self.0.add(a, b).await.expect("the server adds")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    pair::run(async || {
        let server = Server::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/", server.local_addr()?);
        tokio::spawn(server.serve(router()));
        Ok(Stub(Client::connect(&url).await?.stub()))
    })
}
