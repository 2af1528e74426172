//! `cargo xtask typescript`: checks the package in `clients/typescript`.
//!
//! A copy of the package gets its pinned tools from npm. Then this checks that `dist` is what the sources
//! become and how large it is, that the scripts of the `browser` example's page are current, that right
//! programs compile and wrong ones do not, and that what would be published can be installed. The tests run
//! on each engine that is there, against the `testbed` example and against sockets of their own. Chromium
//! opens the page.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::checks;
use crate::places::Places;
use crate::server::Server;
use crate::tally::Tally;
use crate::tools::{Chromium, Node, copy_files, npm, output};

/// The folders of the package that the checks need.
const FOLDERS: &[&str] = &["src", "dist", "test"];

/// The files that a user gets, and no others.
const PUBLISHED: &[&str] = &[
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "dist/connect.d.ts",
    "dist/errors.d.ts",
    "dist/index.d.ts",
    "dist/index.js",
    "dist/types.d.ts",
    "package.json",
];

/// Runs all checks whose tools are there. Fails if a check fails.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    checks::run("typescript", arguments, |places, tally| {
        // With the features of `cargo xtask interop`, so that birpc is compiled once.
        places.build_examples(&["testbed", "browser"], &["axum", "tls", "jsonrpsee"])?;
        match Node::find() {
            Ok(node) => check(places, &node, tally)?,
            Err(why) => tally.skip("the package", &why),
        }
        Ok(())
    })
}

fn check(places: &Places, node: &Node, tally: &mut Tally) -> Result<(), String> {
    let package = match install(places, node) {
        Ok(package) => package,
        Err(why) => {
            tally.fail("the package", &why);
            return Ok(());
        }
    };
    check_sources(places, &package, tally);
    check_published(&package, tally);
    check_packed(&package, tally);

    let testbed = {
        let mut command = places.example("testbed");
        Server::start("testbed", command.args(["--listen", "127.0.0.1:0"]), &places.logs)?
    };
    let root = format!("file://{}/", places.root().display());
    let settings = |mut command: Command| {
        command.current_dir(&package).env("TESTBED", &testbed.url).env("ROOT", &root);
        command
    };
    tally.run("node", &mut settings(script(&["test/all.js"])));
    for (engine, arguments) in [("bun", &[][..]), ("deno", &["run", "--allow-all"])] {
        let program = package.join("node_modules/.bin").join(engine);
        match output(Command::new(&program).arg("--version")) {
            Ok(_) => {
                let mut command = Command::new(&program);
                command.args(arguments).arg("test/all.js");
                tally.run(engine, &mut settings(command));
            }
            Err(why) => tally.skip(engine, &why),
        }
    }
    match Chromium::find() {
        Ok(chromium) => {
            let mut command = settings(script(&["test/browser.js"]));
            tally.run("Chromium", command.env("CHROMIUM", &chromium.program));
            let mut site = places.example("browser");
            let site = Server::start("browser", site.args(["--listen", "127.0.0.1:0"]), &places.logs)?;
            let mut command = settings(script(&["test/page.js"]));
            tally.run("the chat page", command.env("SITE", &site.url).env("CHROMIUM", chromium.program));
        }
        Err(why) => tally.skip("Chromium", &why),
    }
    Ok(())
}

/// Copies the package and installs its tools beside it.
fn install(places: &Places, node: &Node) -> Result<PathBuf, String> {
    let from = places.root().join("clients/typescript");
    let to = node.install(&from, &places.installed.join("package"))?;
    for folder in FOLDERS {
        // What is no longer in the repository must not be here.
        let _ = fs::remove_dir_all(to.join(folder));
        copy_files(&from.join(folder), &to.join(folder))?;
    }
    // bun's package finds its program with a script, and no script of a package runs when it is installed. If
    // it fails, bun is missing, which is said where it is used.
    let _ = output(script(&["install.js"]).current_dir(to.join("node_modules/bun")));
    Ok(to)
}

/// The sources, their types and their size, and those of the page.
fn check_sources(places: &Places, package: &Path, tally: &mut Tally) {
    let page = places.root().join("examples/browser").display().to_string();
    let checks: [(&str, &[&str]); 3] = [
        ("dist is what src becomes, and is small", &["build.js", "--check"]),
        ("the page's scripts are what its TypeScript becomes", &["page.js", &page, "--check"]),
        (
            "right programs compile, wrong ones do not",
            &["node_modules/typescript/bin/tsc", "--project", "test"],
        ),
    ];
    for (name, arguments) in checks {
        match output(script(arguments).current_dir(package)) {
            Ok(text) if text.is_empty() => tally.pass(name),
            Ok(text) => tally.pass(&format!("{name}: {text}")),
            Err(why) => tally.fail(name, &why),
        }
    }
}

/// What `npm publish` would upload.
fn check_published(package: &Path, tally: &mut Tally) {
    let name = "the published package has what users need";
    let listed = output(npm().args(["pack", "--dry-run", "--json"]).current_dir(package));
    let files = listed.and_then(|text| {
        let list: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| format!("npm says {text}: {e}"))?;
        // A list of packages, or an object with one.
        let first =
            list.get(0).or_else(|| list.as_object()?.values().next()).ok_or("npm lists no package")?;
        let files = first["files"].as_array().ok_or("npm lists no files")?;
        let mut paths: Vec<_> =
            files.iter().filter_map(|file| file["path"].as_str().map(String::from)).collect();
        paths.sort();
        Ok(paths)
    });
    match files {
        Ok(files) if files == PUBLISHED => tally.pass(name),
        Ok(files) => tally.fail(name, &format!("it has {files:?}")),
        Err(why) => tally.fail(name, &why),
    }
}

/// Installs what `npm publish` would upload in a folder of its own, and imports it.
fn check_packed(package: &Path, tally: &mut Tally) {
    const USE: &str =
        r#"import * as birpc from "@birpc/client"; console.log(Object.keys(birpc).sort().join());"#;
    let name = "the packed package can be installed and imported";
    let user = package.join("user");
    let outcome = (|| {
        let _ = fs::remove_dir_all(&user);
        fs::create_dir_all(&user).map_err(|e| format!("{}: {e}", user.display()))?;
        let packed =
            output(npm().args(["pack", "--silent", "--pack-destination", "user"]).current_dir(package))?;
        let file = format!("./{}", packed.lines().last().unwrap_or_default());
        fs::write(user.join("package.json"), r#"{"private":true,"type":"module"}"#)
            .map_err(|e| e.to_string())?;
        output(npm().args(["install", "--offline", "--no-audit", "--no-fund", &file]).current_dir(&user))?;
        output(script(&["--input-type=module", "--eval", USE]).current_dir(&user))
    })();
    match outcome {
        Ok(exports) if exports.trim() == "ClosedError,RpcError,connect" => tally.pass(name),
        Ok(exports) => tally.fail(name, &format!("it exports {exports}")),
        Err(why) => tally.fail(name, &why),
    }
}

/// The command that runs a script with node.
fn script(arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(arguments);
    command
}
