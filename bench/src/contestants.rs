//! The contestants, and how to start each of them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{engine::Engine, machine::Cores, process, server::Server};

pub(crate) const FLOOR: &str = "floor";
pub(crate) const BOUND: &str = "bound";
pub(crate) const BIRPC: &str = "birpc";
pub(crate) const JSONRPSEE: &str = "jsonrpsee";
pub(crate) const TARPC: &str = "tarpc";
pub(crate) const RPC_WEBSOCKETS: &str = "rpc-websockets";
/// birpc on one server, beside which it is measured on two.
pub(crate) const ONE_NODE: &str = "birpc, one node";
/// Two programs that NATS connects.
pub(crate) const BY_HAND: &str = "NATS by hand";

/// The contestants without which a run is useless: birpc, and those to which it is compared first.
pub(crate) const INDISPENSABLE: [&str; 3] = [FLOOR, BOUND, BIRPC];

/// The testbed with its feature `nats`, beside the one without.
const NODE: &str = "examples/testbed_node";

/// What needs nats-server.
const OVER_NATS: &str = "nodes over NATS";

/// A part that is left out, and why.
pub(crate) struct Missing {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// Two nodes, and the nats-server that connects them.
pub(crate) struct Nodes {
    pub(crate) engine: Engine,
    /// The node from which is sent.
    pub(crate) from: Server,
    /// The node on which others are reached.
    pub(crate) to: Server,
}

/// The folder of the programs, which is that of this one.
pub(crate) struct Contestants {
    programs: PathBuf,
    rpc_websockets: Result<PathBuf, String>,
    nats_server: Result<PathBuf, String>,
    /// The folder of their logs.
    pub(crate) logs: PathBuf,
    pub(crate) cores: Cores,
}

impl Contestants {
    /// `rpc_websockets` is the folder of rpc-websockets, and `nats_server` a program; or why they are
    /// missing.
    pub(crate) fn find(
        rpc_websockets: Result<PathBuf, String>,
        nats_server: Result<PathBuf, String>,
    ) -> Result<Self, String> {
        let program = env::current_exe().map_err(|e| format!("cannot tell where this program is: {e}"))?;
        let programs = program.parent().ok_or("this program is in no folder")?.to_owned();
        let logs = programs.join("bench-logs");
        fs::create_dir_all(&logs).map_err(|e| format!("cannot make the folder {}: {e}", logs.display()))?;
        Ok(Self { programs, rpc_websockets, nats_server, logs, cores: Cores::find()? })
    }

    /// The servers that can be started here, and those that cannot.
    pub(crate) fn servers(&self) -> (Vec<&'static str>, Vec<Missing>) {
        let mut present = vec![FLOOR, BIRPC];
        let mut missing = Vec::new();
        match self.program("jsonrpsee_server").is_file() {
            true => present.push(JSONRPSEE),
            false => missing.push(not_built("jsonrpsee's server")),
        }
        match &self.rpc_websockets {
            Ok(_) => present.push(RPC_WEBSOCKETS),
            Err(why) => missing.push(Missing { what: RPC_WEBSOCKETS.into(), why: why.clone() }),
        }
        (present, missing)
    }

    /// The pairs of client and server that can be started, and those that cannot.
    pub(crate) fn pairs(&self) -> (Vec<&'static str>, Vec<Missing>) {
        let (present, absent) = [BOUND, BIRPC, JSONRPSEE, TARPC]
            .into_iter()
            .partition(|name| self.program(&format!("pair_{name}")).is_file());
        let absent: Vec<&str> = absent;
        (present, absent.iter().map(|name| not_built(&format!("the pair of {name}"))).collect())
    }

    /// Starts a server on its own core, with this process on another.
    pub(crate) fn start(&self, name: &'static str) -> Result<Server, String> {
        self.start_with(name, self.server(name)?)
    }

    /// Starts a server under a tool that observes it.
    pub(crate) fn start_under(&self, tool: &mut Command, name: &'static str) -> Result<Server, String> {
        let server = self.server(name)?;
        tool.arg(server.get_program()).args(server.get_args());
        let mut command = Command::new(tool.get_program());
        command.args(tool.get_args());
        self.start_with(name, command)
    }

    /// Starts two nodes, and a nats-server, on the servers' core. A part that is missing is the inner error.
    pub(crate) fn nodes(&self) -> Result<Result<Nodes, Missing>, String> {
        let program = match &self.nats_server {
            Ok(program) => program,
            Err(why) => return Ok(Err(Missing { what: OVER_NATS.into(), why: why.clone() })),
        };
        if !self.program(NODE).is_file() || !self.program("by_hand").is_file() {
            return Ok(Err(not_built(OVER_NATS)));
        }
        let engine = self.cores.beside(|| Engine::start(program, &self.logs))??;
        let from = self.node("node-a", Some(&engine))?;
        let to = self.node("node-b", Some(&engine))?;
        Ok(Ok(Nodes { engine, from, to }))
    }

    /// Starts a birpc server that may be a node: with the others that meet at `engine`, or alone.
    pub(crate) fn node(&self, name: &'static str, engine: Option<&Engine>) -> Result<Server, String> {
        let mut command = Command::new(self.program(NODE));
        command.args(["--listen", "127.0.0.1:0", "--node", name]);
        if let Some(engine) = engine {
            command.args(["--nats", engine.url()]);
        }
        self.start_with(name, command)
    }

    fn start_with(&self, name: &'static str, mut command: Command) -> Result<Server, String> {
        self.cores.beside(|| Server::start(name, &mut command, &self.logs))?
    }

    fn server(&self, name: &str) -> Result<Command, String> {
        let mut command = match (name, &self.rpc_websockets) {
            (FLOOR, _) => Command::new(self.program("floor")),
            (BIRPC, _) => Command::new(self.program("examples/testbed")),
            (JSONRPSEE, _) => Command::new(self.program("jsonrpsee_server")),
            (RPC_WEBSOCKETS, Ok(folder)) => node(&folder.join("server.mjs")),
            _ => return Err(format!("there is no server of {name}")),
        };
        command.args(["--listen", "127.0.0.1:0"]);
        Ok(command)
    }

    /// The output of a program that measures itself.
    pub(crate) fn output(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        process::output(program, Command::new(self.program(program)).args(arguments), &self.logs)
    }

    /// The folder in which cargo has the programs' profile.
    pub(crate) fn target(&self) -> PathBuf {
        self.programs.parent().unwrap_or(&self.programs).to_owned()
    }

    /// The program of that name.
    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

fn node(script: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script);
    command
}

fn not_built(what: &str) -> Missing {
    Missing { what: what.into(), why: "it was not built: cargo xtask bench builds it".into() }
}
