//! Our client, from `#[rpc]` traits, against servers that are no birpc; `cargo xtask interop` runs it:
//! `cargo run --example foreign -- lsp|rpc-websockets ws://127.0.0.1:PORT/`. One line for each check.

#[path = "../roles/mod.rs"]
mod roles;

mod checks;
mod lsp;
mod rpc_websockets;

use std::error::Error;
use std::process::ExitCode;

use checks::Checks;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, url] = &arguments[..] else {
        return Err("usage: foreign lsp|rpc-websockets URL".into());
    };
    let mut checks = Checks::default();
    match &**peer {
        "lsp" => lsp::run(url, &mut checks).await?,
        "rpc-websockets" => rpc_websockets::run(url, &mut checks).await?,
        other => return Err(format!("there is no peer `{other}`").into()),
    }
    Ok(checks.exit_code())
}
