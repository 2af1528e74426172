//! `cargo xtask inspector`: opens the inspector of the `testbed` example in Chromium.
//!
//! The script in `xtask/inspector/` connects a thousand peers, lets some of them call, and looks at the page
//! while it is empty, busy and broken, in both colour schemes and on a small screen. Its screenshots are in
//! `target/inspector/shots`.

use std::{fs, process::ExitCode};

use crate::checks;
use crate::places::Places;
use crate::tally::Tally;
use crate::tools::{Chromium, Node};

/// Runs the checks, if Chromium and node are there.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    checks::run("inspector", arguments, check)
}

fn check(places: &Places, tally: &mut Tally) -> Result<(), String> {
    // With the features of `cargo xtask interop`, so that birpc is compiled once.
    places.build_examples(&["testbed"], &["axum", "tls"])?;
    match (Node::find(), Chromium::find()) {
        (Ok(node), Ok(chromium)) => {
            let folder = node.install(&places.scripts, &places.installed.join("scripts"))?;
            places.copy_harness(&folder)?;
            let shots = places.installed.join("shots");
            fs::create_dir_all(&shots).map_err(|e| format!("cannot make {}: {e}", shots.display()))?;
            let mut script = node.script(&folder.join("page.mjs"));
            script.env("CHROMIUM", &chromium.program).env("SHOTS", &shots);
            script.env("TESTBED", places.example("testbed").get_program());
            tally.run("the page", &mut script);
        }
        (Err(why), _) | (_, Err(why)) => tally.skip("the page", &why),
    }
    Ok(())
}
