//! The inspector of the testbed.

use std::error::Error;

use birpc::ServerHandle;

use crate::option;

/// Opens the inspector, if it is wanted, and prints its address.
#[cfg(feature = "inspector")]
pub(crate) async fn open(server: &ServerHandle) -> Result<(), Box<dyn Error>> {
    let Some(address) = option("--inspect") else { return Ok(()) };
    let inspector = birpc::inspector::Inspector::of(server).name("testbed");
    let inspector = inspector.contract(crate::methods::contract().openrpc());
    let calls = std::env::args().any(|argument| argument == "--inspect-calls");
    let inspector = if calls { inspector.allow_calls() } else { inspector }.bind(address).await?;
    println!("inspector on {}", inspector.url());
    tokio::spawn(inspector.serve());
    Ok(())
}

#[cfg(not(feature = "inspector"))]
pub(crate) async fn open(_server: &ServerHandle) -> Result<(), Box<dyn Error>> {
    match option("--inspect") {
        Some(_) => Err("--inspect needs the feature inspector".into()),
        None => Ok(()),
    }
}
