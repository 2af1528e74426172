//! Our client, built from `#[rpc]` traits, with third-party servers. `cargo xtask interop` runs this: `cargo
//! run --example foreign -- lsp|mcp|rpc-websockets ws://127.0.0.1:PORT/`, or `-- aria2|anvil PROGRAM`, which
//! starts that daemon. It prints a line for each check.

#[path = "../roles/mod.rs"]
mod roles;

mod anvil;
mod aria2;
mod checks;
#[cfg(feature = "jsonrpsee")]
mod jsonrpsee_server;
mod lsp;
mod mcp;
mod rpc_websockets;

use std::error::Error;
use std::process::ExitCode;

use checks::Checks;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, target] = &arguments[..] else {
        return Err("usage: foreign lsp|mcp|rpc-websockets URL, or foreign aria2|anvil PROGRAM".into());
    };
    let mut checks = Checks::default();
    match &**peer {
        "anvil" => anvil::run(target, &mut checks).await?,
        "aria2" => aria2::run(target, &mut checks).await?,
        #[cfg(feature = "jsonrpsee")]
        "jsonrpsee" => jsonrpsee_server::run(&mut checks).await?,
        "lsp" => lsp::run(target, &mut checks).await?,
        "mcp" => mcp::run(target, &mut checks).await?,
        "rpc-websockets" => rpc_websockets::run(target, &mut checks).await?,
        other => return Err(format!("there is no peer `{other}`").into()),
    }
    Ok(checks.exit_code())
}
