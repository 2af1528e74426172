//! Calls, notifications and calls back, in every shape that a load can have.

use std::rc::Rc;

use crate::{
    contestants::BIRPC,
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        script::Script,
        scripts::{Notifications, Relays},
    },
    measure::{Measured, Run},
    results::{Group, Test},
    server::Server,
};

/// How many connections there are, and how many calls are in flight on each.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) test: Test,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    /// Bytes of the string that is echoed; `None` adds two numbers.
    payload: Option<usize>,
}

const fn add(name: &'static str, connections: usize, in_flight: usize) -> Shape {
    Shape { test: Test { group: Group::Calls, name }, connections, in_flight, payload: None }
}

const fn echo(name: &'static str, connections: usize, in_flight: usize, payload: usize) -> Shape {
    Shape { test: Test { group: Group::Payloads, name }, connections, in_flight, payload: Some(payload) }
}

/// Much is pipelined: what a server costs that is not the socket's.
pub(crate) const PIPELINED: Shape = add("64 × 16", 64, 16);

/// One call at a time on each connection: two system calls each, whoever serves it.
pub(crate) const ONE_EACH: Shape = add("64 × 1", 64, 1);

/// The shapes of a quick run.
pub(crate) const QUICK: &[Shape] = &[PIPELINED, ONE_EACH];

/// All shapes. The largest string is as long as a message of 1 MiB lets it be, which is the default limit.
pub(crate) const FULL: &[Shape] = &[
    add("1 × 1", 1, 1),
    add("1 × 64", 1, 64),
    ONE_EACH,
    PIPELINED,
    add("4 × 256", 4, 256),
    add("1 000 × 1", 1000, 1),
    echo("60 B, 64 × 16", 64, 16, 60),
    echo("1 KiB, 64 × 16", 64, 16, 1 << 10),
    echo("64 KiB, 16 × 4", 16, 4, 64 << 10),
    echo("1 MiB with the rest of the message, 4 × 1", 4, 1, 1 << 20),
];

impl Shape {
    /// The script of each connection.
    pub(crate) fn script(&self) -> impl Fn() -> Box<dyn Script> + use<> {
        let exchange = Rc::new(match self.payload {
            None => Exchange::new("add", "[1,2]", "3"),
            Some(bytes) => {
                let around = Exchange::overhead("echo") + r#"[""]"#.len();
                let value = format!(r#""{}""#, "x".repeat(bytes.min((1 << 20) - around)));
                Exchange::new("echo", &format!("[{value}]"), &value)
            }
        });
        let in_flight = self.in_flight;
        move || Box::new(Calls::new(&exchange, in_flight, Pace::Steady))
    }

    /// Loads `server` with this shape.
    pub(crate) fn load(&self, run: &mut Run, of: &'static str, server: &Server) -> Result<(), String> {
        let mut load = Load::new(server.address)?;
        measure(run, self.test, of, server, &mut load, self.connections, self.script())
    }
}

/// Opens connections beside those that `load` has, and lets them call for one turn.
pub(crate) fn measure(
    run: &mut Run,
    test: Test,
    of: &'static str,
    server: &Server,
    load: &mut Load,
    connections: usize,
    script: impl FnMut() -> Box<dyn Script>,
) -> Result<(), String> {
    server.settle()?;
    let callers = load.connect(connections, script)?;
    load.tally.allow(u64::MAX);
    load.begin(callers)?;
    Measured::take(server, load, run.turn)?.record(run, test, of);
    Ok(())
}

const NOTIFICATIONS: Test =
    Test { group: Group::Traffic, name: "notifications of add(1, 2), 1 call behind every 64" };
const RELAYS: Test = Test { group: Group::Traffic, name: "calls that make the server call back" };

/// Notifications, whose order lets a call behind them show that they were taken.
pub(crate) fn notifications(run: &mut Run, server: &Server) -> Result<(), String> {
    let fence = Rc::new(Exchange::new("add", "[1,2]", "3"));
    let text = r#"{"jsonrpc":"2.0","method":"add","params":[1,2]}"#;
    let script = || -> Box<dyn Script> { Box::new(Notifications::new(64, text, &fence)) };
    measure(run, NOTIFICATIONS, BIRPC, server, &mut Load::new(server.address)?, 64, script)
}

/// Calls of a method that calls its caller back before it returns.
pub(crate) fn relays(run: &mut Run, server: &Server) -> Result<(), String> {
    let exchange = Rc::new(Exchange::new("relay", r#"["add",[1,2]]"#, "3"));
    let asked: Rc<[u8]> = br#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":"#[..].into();
    let script = || -> Box<dyn Script> {
        let calls = Calls::new(&exchange, 16, Pace::Steady);
        Box::new(Relays { calls, asked: asked.clone(), result: "3" })
    };
    measure(run, RELAYS, BIRPC, server, &mut Load::new(server.address)?, 64, script)
}
