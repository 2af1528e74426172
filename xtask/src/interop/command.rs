//! The command `birpc` with programs that are not birpc: servers that it calls or puts behind a WebSocket,
//! and a browser that must not reach them.

use std::path::PathBuf;
use std::process::Command;

use crate::places::Places;
use crate::tally::Tally;
use crate::tools::{self, Chromium, Node};

/// Runs the checks whose tools are installed.
pub(super) fn check(places: &Places, tally: &mut Tally) {
    const NAME: &str = "the command (node)";
    let node = match Node::find() {
        Ok(node) => node,
        Err(why) => return tally.skip(NAME, &why),
    };
    let install = |folder| node.install(&places.scripts.join(folder), &places.installed.join(folder));
    let built = places.build(&["-p", "birpc-cli"]).and_then(|()| install("node"));
    let birpc = places.program("birpc").get_program().to_owned();
    let script = |folder: PathBuf, name: &str| {
        let mut command = node.script(&folder.join(name));
        command.env("BIRPC", &birpc);
        command
    };

    match built.clone().and_then(|_| install("foreign")) {
        Ok(folder) => {
            let mut command = script(folder, "command.mjs");
            add_servers(&mut command, &node, places, tally);
            tally.run("foreign/command.mjs", &mut command);
        }
        Err(why) => tally.fail(NAME, &why),
    }
    match (Chromium::find(), built.and_then(|_| install("browser"))) {
        (Err(why), _) => tally.skip("browser/bridge.mjs", &why),
        (_, Err(why)) => tally.fail("browser/bridge.mjs", &why),
        (Ok(chromium), Ok(folder)) => {
            let mut command = script(folder, "bridge.mjs");
            // The page is the script's own, and so is its site.
            let command = command.env("CHROMIUM", &chromium.program).env("URL", "http://127.0.0.1/");
            tally.run("browser/bridge.mjs", command);
        }
    }
}

/// Names the programs that the script starts, as far as they are there.
fn add_servers(command: &mut Command, node: &Node, places: &Places, tally: &mut Tally) {
    match tools::find("aria2c", "aria2") {
        Ok(daemon) => {
            command.env("ARIA2C", daemon);
        }
        Err(why) => tally.skip("the command with aria2", &why),
    }
    match super::foreign::anvil(node, places) {
        Ok(anvil) => {
            command.env("ANVIL", anvil);
        }
        Err(why) => tally.skip("the command with anvil", &why),
    }
}
