//! Our client with the download manager aria2, whose daemon this program starts.

use std::error::Error;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use birpc::{CallError, Client, ErrorObject, Peer, Router, rpc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::checks::{Checks, SOON};

/// The contents of the download.
const FILE: &[u8] = b"a file from this very machine";

/// aria2's methods take params by position. Missing ones must be omitted, since aria2 refuses null.
#[rpc(namespace = "aria2")]
trait Aria2 {
    #[rpc(name = "aria2.getVersion")]
    async fn version(&self, token: String) -> Result<Version, ErrorObject>;
    #[rpc(name = "aria2.addUri")]
    async fn add_uri(
        &self,
        token: String,
        uris: Vec<String>,
        options: Option<Value>,
        position: Option<u32>,
    ) -> Result<String, ErrorObject>;
    #[rpc(name = "aria2.tellStatus")]
    async fn status(
        &self,
        token: String,
        gid: String,
        keys: Option<Vec<String>>,
    ) -> Result<Value, ErrorObject>;
}

/// The notifications that aria2 sends.
#[rpc(namespace = "aria2")]
trait Events {
    #[rpc(name = "aria2.onDownloadStart", notification)]
    async fn started(&self, event: Event);
    #[rpc(name = "aria2.onDownloadComplete", notification)]
    async fn completed(&self, event: Event);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Event {
    gid: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Version {
    version: String,
}

/// Forwards the kind of each event with the id of its download.
struct Listener(mpsc::UnboundedSender<(&'static str, String)>);

impl Events for Listener {
    async fn started(&self, event: Event) {
        let _ = self.0.send(("started", event.gid)); // the checks may be over
    }

    async fn completed(&self, event: Event) {
        let _ = self.0.send(("completed", event.gid));
    }
}

pub(crate) async fn run(program: &str, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("birpc-aria2-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (_daemon, url) = start(program, &folder.to_string_lossy())?;
    let (events, mut heard) = mpsc::unbounded_channel();
    let router = Router::new().service(EventsServer::new(Listener(events)));
    let client = connect(&url, router).await?;
    let aria2: Aria2Client = client.stub();
    let token = || String::from("token:secret");

    checks.equal("a version", aria2.version(token()).await?.version.is_empty(), false);
    let file = serve_file().await?;
    let added = aria2.add_uri(token(), vec![file], None, None).await;
    checks.equal("what is not given is left out", added.as_ref().map(|gid| gid.len()), Ok(16));
    if let Ok(gid) = added {
        for expected in ["started", "completed"] {
            let event = tokio::time::timeout(SOON, heard.recv()).await?;
            checks.equal("the daemon tells of its download", event, Some((expected, gid.clone())));
        }
        let status = aria2.status(token(), gid, Some(vec!["status".into(), "totalLength".into()])).await?;
        checks.equal(
            "its status",
            status,
            json!({"status": "complete", "totalLength": FILE.len().to_string()}),
        );
    }
    let unknown = aria2.status(token(), "0123456789abcdef".into(), None).await;
    let code = unknown
        .map(drop)
        .map_err(|error| if let CallError::Method(error) = error { error.code() } else { 0 });
    checks.equal("an error of a method", code, Err(1));
    let unknown = client.peer().call::<Value>("aria2.noSuchMethod", ["token:secret"]).await;
    checks.fails("an unknown method", unknown, no_such_method());
    batches(client.peer(), checks).await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A batch of calls, one of which fails, while a notification is answered by an error with id null.
async fn batches(peer: &Peer, checks: &mut Checks) -> Result<(), CallError> {
    peer.notify("aria2.noSuchNotification", ()).await?;
    let mut batch = peer.batch();
    let version = batch.call::<Version>("aria2.getVersion", ["token:secret"]);
    let refused = batch.call::<Value>("aria2.noSuchMethod", ["token:secret"]);
    let methods = batch.call::<Vec<String>>("system.listMethods", ());
    batch.send().await?;
    checks.equal("a batch is answered", version.await.is_ok(), true);
    checks.fails("one of it fails", refused.await, no_such_method());
    checks.equal("and no other", methods.await.map(|methods| methods.is_empty()), Ok(false));
    Ok(())
}

/// The error that aria2 sends instead of -32601.
fn no_such_method() -> ErrorObject {
    ErrorObject::new(1, "No such method: aria2.noSuchMethod")
}

/// Starts the daemon on a port that was free. The daemon exits with this process.
fn start(program: &str, folder: &str) -> Result<(Child, String), Box<dyn Error>> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(program);
    command
        .args(["--no-conf", "--quiet", "--enable-rpc", "--rpc-secret=secret", "--rpc-listen-all=false"])
        .args(["--enable-dht=false", "--enable-dht6=false", "--no-proxy=*"])
        .arg(format!("--rpc-listen-port={port}"))
        .arg(format!("--dir={folder}"))
        .arg(format!("--stop-with-process={}", std::process::id()))
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let daemon = command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
    Ok((daemon, format!("ws://127.0.0.1:{port}/jsonrpc")))
}

/// Connects as soon as the daemon listens.
async fn connect(url: &str, router: Router) -> Result<Client, Box<dyn Error>> {
    let router = std::sync::Arc::new(router);
    let connecting = async {
        loop {
            match Client::builder().call_timeout(SOON).serve(router.clone()).connect(url).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    Ok(tokio::time::timeout(SOON, connecting).await?)
}

/// Starts an HTTP server with one file. Returns the URL of the file.
async fn serve_file() -> Result<String, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/file", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", FILE.len());
            let _ = stream.write_all(&[head.as_bytes(), FILE].concat()).await;
        }
    });
    Ok(url)
}
