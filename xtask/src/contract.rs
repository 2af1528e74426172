//! `cargo xtask contract`: reads the documents of the testbed with the tools that users have for them.
//!
//! The testbed writes its OpenRPC and AsyncAPI documents and its TypeScript module. The scripts in
//! `xtask/contract/` give them to the parsers and generators of OpenRPC and AsyncAPI, compile what is
//! generated, and call a live testbed as its document says. For each judge there are broken documents, which
//! it must refuse: a judge that accepts them proves nothing.

use std::ffi::OsStr;
use std::fs;
use std::process::ExitCode;

use crate::checks;
use crate::places::Places;
use crate::server::Server;
use crate::tally::Tally;
use crate::tools::{self, Node};

/// The flags of the testbed, with the files for what they print.
const DOCUMENTS: &[(&str, &str)] =
    &[("--openrpc", "openrpc.json"), ("--asyncapi", "asyncapi.json"), ("--typescript", "api.ts")];

/// Documents that tests keep, of types of all kinds.
const KEPT: &[&str] = &[
    "rpc-contract/src/tests/sketch.openrpc.json",
    "rpc-contract/src/tests/sketch.asyncapi.json",
    "rpc-contract/src/tests/sketch.ts",
    "rpc-contract/src/tests/hostile.ts",
    "tests/contract/zoo.openrpc.json",
    "tests/contract/zoo.asyncapi.json",
    "tests/contract/zoo.ts",
];

/// The package for which the TypeScript module is written, with its types.
const CLIENT: &str = "clients/typescript/dist/index";

/// The scripts that get the folder of the documents, and the types of the package.
const SCRIPTS: &[&str] = &["openrpc.mjs", "asyncapi.mjs", "generated.mjs", "typescript.mjs"];

/// The scripts that get the URL of a testbed, the folder of the documents, and the package.
const LIVE: &[&str] = &["coverage.mjs", "live.mjs"];

/// Runs all checks. Fails if a check fails.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    checks::run("contract", arguments, |places, tally| {
        places.build_examples(&["testbed"], &[])?;
        match Node::find() {
            Ok(node) => check(places, &node, tally),
            Err(why) => tally.skip("OpenRPC, AsyncAPI and TypeScript (node)", &why),
        }
        Ok(())
    })
}

fn check(places: &Places, node: &Node, tally: &mut Tally) {
    let folder = match node.install(&places.scripts, &places.installed.join("node")) {
        Ok(folder) => folder,
        Err(why) => return tally.fail("the packages of the judges", &why),
    };
    // The scripts share the harness of `interop`.
    if let Err(why) = places.copy_harness(&folder).and_then(|()| write_documents(places)) {
        return tally.fail("the documents of the testbed", &why);
    }
    let documents = places.installed.join("documents");
    let client = |ending: &str| places.root().join(format!("{CLIENT}.{ending}"));
    let script = |name: &str, arguments: &[&OsStr]| {
        let mut script = node.script(&folder.join(name));
        script.args(arguments);
        (name.to_owned(), script)
    };
    let (types, module) = (client("d.ts"), client("js"));
    let of_documents = SCRIPTS.iter().map(|name| script(name, &[documents.as_ref(), types.as_ref()]));
    let mut scripts: Vec<_> = of_documents.collect();
    // One for each script, since a testbed also tells how many peers it has.
    let mut testbeds = Vec::new();
    for name in LIVE {
        let mut testbed = places.example("testbed");
        match Server::start(name, testbed.args(["--listen", "127.0.0.1:0"]), &places.logs) {
            Ok(testbed) => {
                scripts.push(script(name, &[testbed.url.as_ref(), documents.as_ref(), module.as_ref()]));
                testbeds.push(testbed);
            }
            Err(why) => tally.fail(name, &why),
        }
    }
    tally.run_together(scripts);
}

fn write_documents(places: &Places) -> Result<(), String> {
    let folder = places.installed.join("documents");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    for (flag, file) in DOCUMENTS {
        let text = tools::output(places.example("testbed").arg(flag))?;
        let file = folder.join(file);
        fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    for kept in KEPT {
        let file = places.root().join(kept);
        let copy = folder.join(file.file_name().unwrap_or_default());
        fs::copy(&file, copy).map_err(|error| format!("cannot copy {kept}: {error}"))?;
    }
    Ok(())
}
