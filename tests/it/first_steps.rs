//! Code that newcomers write first: a generated server without a router, and an own error in a layer.

use birpc::middleware::{Handler, IncomingCall, Next, from_fn};
use birpc::{CallError, Connection, ErrorObject, RawValue, Router, RpcError, Server, rpc};
use serde::{Deserialize, Serialize};

#[rpc]
trait Clock {
    async fn now(&self) -> Result<u64, Denied>;
    async fn within(&self, context: self::Context) -> Result<u64, Denied>;
}

/// An application type with the name of one of birpc's.
#[derive(Debug, Serialize, Deserialize)]
struct Context {
    from: u64,
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
#[rpc(code = 7)]
#[error("not for you")]
struct Denied;

struct Stopped;

impl Clock for Stopped {
    async fn now(&self) -> Result<u64, Denied> {
        Ok(7)
    }

    async fn within(&self, context: Context) -> Result<u64, Denied> {
        Ok(7 - context.from)
    }
}

async fn deny(_call: IncomingCall, _next: Next<Handler>) -> Result<Box<RawValue>, ErrorObject> {
    Err(Denied.into())
}

#[tokio::test]
async fn a_generated_server_is_served_without_a_router() {
    let server = Server::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/", server.local_addr().expect("an address"));
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(ClockServer::new(Stopped)));
    let client = birpc::Client::builder()
        .serve(ClockServer::new(Stopped)) // both ways
        .connect(&url)
        .await
        .expect("a connection");
    assert_eq!(client.stub::<ClockClient>().now().await, Ok(7));
    let caller = handle.peers().list().pop().expect("a peer");
    assert_eq!(caller.stub::<ClockClient>().within(Context { from: 3 }).await, Ok(4));
    handle.stop();
    serving.await.expect("no panic").expect("served");
}

#[tokio::test]
async fn a_derived_error_is_an_error_object_in_a_layer() {
    let router = Router::new().service(ClockServer::new(Stopped)).layer(from_fn(deny));
    let (peer, _) = Connection::pair(Router::new(), router);
    assert_eq!(peer.stub::<ClockClient>().now().await, Err(CallError::Method(Denied)));
}

/// What an application keeps: that the service itself shows nothing does not matter.
#[derive(Debug)]
struct Application {
    #[allow(dead_code)] // but for Debug
    server: ClockServer<Stopped>,
    #[allow(dead_code)]
    client: Option<ClockClient>,
}

#[test]
fn what_is_generated_is_debug_whatever_it_serves() {
    let application = Application { server: ClockServer::new(Stopped), client: None };
    assert_eq!(format!("{application:?}"), "Application { server: ClockServer, client: None }");
}
