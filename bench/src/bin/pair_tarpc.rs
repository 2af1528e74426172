//! tarpc's client and server with its JSON over plain TCP, both with default settings; see
//! [`birpc_bench::pair::run`].

use std::error::Error;

use birpc_bench::pair::{self, Adds};
use futures_util::StreamExt;
use tarpc::context::{self, Context};
use tarpc::serde_transport;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Json;
use tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use tokio::net::{TcpListener, TcpStream};

#[tarpc::service]
trait Bench {
    async fn add(a: i64, b: i64) -> i64;
}

#[derive(Clone)]
struct Served;

impl Bench for Served {
    async fn add(self, _: Context, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
}

#[derive(Clone)]
struct Stub(BenchClient);

impl Adds for Stub {
    async fn add(&self, a: i64, b: i64) -> i64 {
        self.0.add(context::current(), a, b).await.expect("the server adds")
    }
}

fn framed(stream: TcpStream) -> std::io::Result<Framed<TcpStream, LengthDelimitedCodec>> {
    stream.set_nodelay(true)?;
    Ok(Framed::new(stream, LengthDelimitedCodec::new()))
}

fn main() -> Result<(), Box<dyn Error>> {
    pair::run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let (accepted, _) = listener.accept().await?;

        let server = BaseChannel::with_defaults(serde_transport::new(framed(accepted)?, Json::default()));
        tokio::spawn(server.execute(Served.serve()).for_each(async |call| drop(tokio::spawn(call))));
        let client =
            BenchClient::new(Default::default(), serde_transport::new(framed(stream)?, Json::default()));
        Ok(Stub(client.spawn()))
    })
}
