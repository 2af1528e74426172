//! `cargo xtask inspector`: opens the inspector of the `testbed` example in Chromium.
//!
//! The script in `xtask/inspector/` connects a thousand peers, lets some of them call, and looks at the page
//! while it is empty, busy and broken, in both colour schemes and on a small screen. Its screenshots are in
//! `target/inspector/shots`.

use std::{fs, process::ExitCode};

use crate::places::{Places, Profile};
use crate::tally::Tally;
use crate::tools::{Chromium, Node};

/// Runs the checks, if Chromium and node are there.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let strict = match arguments {
        [] => false,
        [flag] if flag == "--strict" => true,
        _ => return Err(format!("unknown arguments {arguments:?}: `--strict` is the only one")),
    };
    let places = Places::find("inspector", Profile::Debug)?;
    // With the features of `cargo xtask interop`, so that birpc is compiled once.
    places.build_examples(&["testbed"], &["axum", "tls"])?;
    let mut tally = Tally::new("inspector");
    check_client(&places, &mut tally);
    match (Node::find(), Chromium::find()) {
        (Ok(node), Ok(chromium)) => {
            let folder = node.install(&places.scripts, &places.installed.join("scripts"))?;
            let harness = places.root().join("xtask/interop/node/harness.mjs");
            fs::copy(harness, folder.join("harness.mjs"))
                .map_err(|e| format!("cannot copy the harness: {e}"))?;
            let shots = places.installed.join("shots");
            fs::create_dir_all(&shots).map_err(|e| format!("cannot make {}: {e}", shots.display()))?;
            let mut script = node.script(&folder.join("page.mjs"));
            script.env("CHROMIUM", &chromium.program).env("SHOTS", &shots);
            script.env("TESTBED", places.example("testbed").get_program());
            tally.run("the page", &mut script);
        }
        (Err(why), _) | (_, Err(why)) => tally.skip("the page", &why),
    }
    println!("{tally}");
    Ok(tally.exit_code(strict))
}

/// Whether the page has the current TypeScript client.
fn check_client(places: &Places, tally: &mut Tally) {
    let read = |path: &str| fs::read_to_string(places.root().join(path)).map_err(|e| format!("{path}: {e}"));
    let (page, dist) = ("rpc-inspector/page/client.js", "clients/typescript/dist/index.js");
    match (read(page), read(dist)) {
        (Ok(page), Ok(dist)) if page == dist => tally.pass("the page has the current client"),
        (Ok(_), Ok(_)) => tally.fail("the page has the current client", &format!("copy {dist} to {page}")),
        (Err(why), _) | (_, Err(why)) => tally.fail("the page has the current client", &why),
    }
}
