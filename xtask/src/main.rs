//! `cargo xtask COMMAND`: tasks of this workspace that need more than one cargo command.
//!
//! Each command is a module with a `run` function and an entry in [`COMMANDS`]. They share [`places`], the
//! folders to read from and write to; [`tools`], which are found and installed; [`process`] and [`server`]
//! for child processes, which never outlive their owner; and a [`tally`] of checks. [`checks`] is the frame
//! of those that need tools of other languages. The only dependency is serde_json, which birpc needs anyway,
//! so that a first `cargo xtask` downloads little.

mod autobahn;
mod bench;
mod checks;
mod cluster;
mod contract;
mod fuzz;
mod inspector;
mod interop;
mod mutants;
mod places;
mod process;
mod server;
mod soak;
mod tally;
mod tools;
mod typescript;

use std::{env, process::ExitCode};

/// A command, as the usage text shows it.
struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<ExitCode, String>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "interop",
        arguments: "[--strict]",
        about: "check birpc against JSON-RPC libraries of other languages (node, python3) and a browser \
            (Chromium);\n\
                with --strict, checks that are skipped for want of a tool count as failed",
        run: interop::run,
    },
    Command {
        name: "typescript",
        arguments: "[--strict]",
        about: "check the TypeScript client in clients/typescript: its types, its size, and its tests on \
            Node, Bun, Deno and\n\
                Chromium; with --strict, an engine that is missing counts as failed",
        run: typescript::run,
    },
    Command {
        name: "contract",
        arguments: "[--strict]",
        about: "read the testbed's OpenRPC, AsyncAPI and TypeScript with the tools for them (node), and \
            broken documents too;\n\
                with --strict, being skipped for want of node counts as failed",
        run: contract::run,
    },
    Command {
        name: "inspector",
        arguments: "[--strict]",
        about: "open the inspector of a testbed with a thousand busy peers in Chromium, and check what it \
            shows and\n\
                that nothing is left of it; with --strict, being skipped for want of Chromium counts as \
                failed",
        run: inspector::run,
    },
    Command {
        name: "cluster",
        arguments: "[--strict]",
        about: "check what connects servers with real nats-servers, which are killed, stopped and restarted; \
            installs\n\
                nats-server (Debian), and fails if it cannot",
        run: cluster::run,
    },
    Command {
        name: "autobahn",
        arguments: "[--strict] [server|client]",
        about: "run the Autobahn|Testsuite (CPython 2.7) against birpc's transport, as a server, a client \
            or both;\n\
                with --strict, being skipped for want of CPython 2.7 counts as failed",
        run: autobahn::run,
    },
    Command {
        name: "soak",
        arguments: "[--seconds N] [--seed N]",
        about: "let 200 connections do at random whatever connections do, kill peers, let others not read, \
            and check\n\
                that nothing is left of them: no entry, no task, no memory (Linux)",
        run: soak::run,
    },
    Command {
        name: "bench",
        arguments: "[--quick] [--record] [--strict]",
        about: "measure birpc beside the floor of its socket library and its peers, and judge the goals; \
            --quick takes\n\
                about a minute; --record writes the instructions per call down that later runs must not \
                exceed;\n\
                with --strict, instructions that are not counted for want of valgrind count as failed \
                (Linux)",
        run: bench::run,
    },
    Command {
        name: "fuzz",
        arguments: "[--seconds N] [codec|multiplexer|connection]",
        about: "run the coverage-guided fuzz targets, each for N seconds (30)",
        run: fuzz::run,
    },
    Command {
        name: "mutants",
        arguments: "[--shard K/N] [--sample N] [--seed N] [--missed] [--file GLOB]...",
        about: "change the code in small ways and count which changes no test notices (cargo-mutants); \
            results of\n\
                shards of one commit add up in xtask/mutants; --missed runs those again that were \
            missed there;\n\
                with --file, the mutants of these files only, and no results are kept",
        run: mutants::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprint!("error: there is no command `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    let arguments: Vec<String> = arguments.collect();
    (command.run)(&arguments).unwrap_or_else(|why| {
        eprintln!("error: {name}: {why}");
        ExitCode::FAILURE
    })
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n\ncommands:\n");
    for Command { name, arguments, about, .. } in COMMANDS {
        text += &format!("  {name} {arguments}\n");
        for line in about.lines() {
            text += &format!("      {line}\n");
        }
    }
    text
}
