//! Pages with nothing but the plain WebSocket API, and a server that they call and that calls them: birpc on
//! a route of an axum application. `cargo xtask interop` drives it with Chromium.
//!
//! `cargo run --features axum --example pages -- --listen ADDR` prints `listening on http://ADDR/` first.

use std::error::Error;
use std::net::SocketAddr;

use axum::response::Html;
use axum::routing::get;
use birpc::{CloseReason, Context, ErrorObject, Grant, Peer, PeerId, Router, Server, ServerHandle, rpc};
use serde_json::{Value, json, value::RawValue};
use tokio::net::TcpListener;

type Json = Box<RawValue>;

/// The methods that pages call.
#[rpc]
trait Site {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    async fn echo(&self, value: Json) -> Result<Json, ErrorObject>;
    /// Calls a method of the calling page; pages have `title()` and `prompt(question)`.
    async fn ask_back(&self, cx: &Context, method: String, params: Option<Json>)
    -> Result<Json, ErrorObject>;
    /// Sends a line to all pages. Returns their number.
    async fn say(&self, cx: &Context, line: String) -> Result<usize, ErrorObject>;
    async fn whoami(&self, cx: &Context) -> Result<Value, ErrorObject>;
    async fn close(&self, cx: &Context, code: u16, reason: String) -> Result<(), ErrorObject>;
}

/// The methods of a page.
#[rpc]
trait Page {
    #[rpc(notification)]
    async fn said(&self, peer: PeerId, line: String);
    #[rpc(notification)]
    async fn left(&self, peer: PeerId, code: u16, reason: String, clean: bool);
}

struct Pages(ServerHandle);

/// The token that the page has offered as the subprotocol `bearer.TOKEN`. A real server would verify it.
struct Token(Option<String>);

impl Site for Pages {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        a.checked_add(b).ok_or_else(|| ErrorObject::new(1, "the sum does not fit an i64"))
    }

    async fn echo(&self, value: Json) -> Result<Json, ErrorObject> {
        Ok(value)
    }

    async fn ask_back(
        &self,
        cx: &Context,
        method: String,
        params: Option<Json>,
    ) -> Result<Json, ErrorObject> {
        Ok(cx.peer().call(&method, params).await?)
    }

    async fn say(&self, cx: &Context, line: String) -> Result<usize, ErrorObject> {
        let from = cx.peer().id();
        Ok(self.0.peers().broadcast(|page: &PageClient| page.said(from, line))?)
    }

    async fn whoami(&self, cx: &Context) -> Result<Value, ErrorObject> {
        let peer = cx.peer();
        Ok(json!({
            "peer": peer.id(),
            "remote": peer.remote_addr().map(|remote| remote.to_string()),
            "protocol": peer.subprotocol(),
            "origin": peer.origin(),
            "token": cx.get::<Token>().and_then(|token| token.0.clone()),
        }))
    }

    async fn close(&self, cx: &Context, code: u16, reason: String) -> Result<(), ErrorObject> {
        cx.peer().close(code, &reason).map_err(|error| ErrorObject::new(2, error.to_string()))
    }
}

/// Tells the other pages that a page has disconnected, and why.
fn left(pages: &ServerHandle, peer: &Peer, reason: &CloseReason) {
    let CloseReason { code, reason: text, clean, .. } = reason;
    let told = pages.peers().broadcast(|page: &PageClient| page.left(peer.id(), *code, text.clone(), *clean));
    println!("page {} left: {reason} (told {})", peer.id(), told.unwrap_or(0));
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = std::env::args().skip_while(|argument| argument != "--listen").nth(1);
    let listener = TcpListener::bind(listen.as_deref().unwrap_or("127.0.0.1:9944")).await?;
    println!("listening on http://{}/", listener.local_addr()?);

    let server = Server::builder();
    let (pages, told) = (server.handle(), server.handle());
    let rpc = server
        .authorize(|request| async move { Ok(Grant::new().with(Token(request.bearer().map(str::to_owned)))) })
        .on_disconnect(move |peer, reason| {
            left(&told, &peer, &reason);
            async {}
        })
        .mount(Router::new().service(SiteServer::new(Pages(pages))))?;
    let app =
        axum::Router::new().route("/", get(Html(include_str!("index.html")))).route("/rpc", rpc.into_route());
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
