//! Calls, notifications and calls back, in all shapes of a load.

use std::{ops::Range, rc::Rc, time::Duration};

use crate::{
    contestants::BIRPC,
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        script::{Script, Tally},
        scripts::{Notifications, Relays},
    },
    measure::{Measured, Run},
    results::{Group, Test},
    server::Server,
};

/// The number of connections, and of calls in flight on each.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) test: Test,
    connections: usize,
    in_flight: usize,
    /// The size of the string that is echoed, in bytes; `None` adds two numbers.
    payload: Option<usize>,
}

const fn add(name: &'static str, connections: usize, in_flight: usize) -> Shape {
    Shape { test: Test { group: Group::Calls, name }, connections, in_flight, payload: None }
}

const fn echo(name: &'static str, connections: usize, in_flight: usize, payload: usize) -> Shape {
    Shape { test: Test { group: Group::Payloads, name }, connections, in_flight, payload: Some(payload) }
}

/// Much pipelining: shows the cost of a server without that of its sockets.
pub(crate) const PIPELINED: Shape = add("64 × 16", 64, 16);

/// One call at a time on each connection: two system calls each, whatever the server.
pub(crate) const ONE_EACH: Shape = add("64 × 1", 64, 1);

/// The shapes of a quick run.
pub(crate) const QUICK: &[Shape] = &[PIPELINED, ONE_EACH];

/// All shapes. The largest string fills a message of 1 MiB, the default limit.
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
    /// Opens its connections in addition to those of `load`. Returns their indexes.
    pub(crate) fn connect(&self, load: &mut Load) -> Result<Range<usize>, String> {
        let exchange = Rc::new(self.payload.map_or_else(Exchange::add, Exchange::echo));
        let script = || -> Box<dyn Script> { Box::new(Calls::new(&exchange, self.in_flight, Pace::Steady)) };
        load.connect(self.connections, script)
    }

    /// Loads `server` with this shape.
    pub(crate) fn load(&self, run: &mut Run, server: &Server) -> Result<(), String> {
        run.attempt(server.name, self.test, |run| {
            let mut load = Load::new(server.address)?;
            let callers = self.connect(&mut load)?;
            measure(run, self.test, server, load, callers)
        })
    }
}

/// Starts a server, and gives it a turn that does not count, in which just-in-time compilers do their work.
pub(crate) fn start_warm(run: &Run, name: &'static str) -> Result<Server, String> {
    let server = run.contestants.start(name)?;
    let mut load = Load::new(server.address)?;
    let callers = PIPELINED.connect(&mut load)?;
    turn(&[&server], load, callers, run.turn)?;
    Ok(server)
}

/// Lets the connections `callers` make calls for one turn, and records the results.
pub(crate) fn measure(
    run: &mut Run,
    test: Test,
    server: &Server,
    load: Load,
    callers: Range<usize>,
) -> Result<(), String> {
    turn(&[server], load, callers, run.turn)?.record(run, test, server.name);
    Ok(())
}

/// Lets the connections `callers` make calls for a time. Starts with idle servers and ends with ones that
/// have closed all connections, since the next turn would suffer from open ones.
pub(crate) fn turn(
    servers: &[&Server],
    mut load: Load,
    callers: Range<usize>,
    time: Duration,
) -> Result<Measured, String> {
    servers.iter().try_for_each(|server| server.settle())?;
    load.tally.allow(u64::MAX);
    load.begin(callers)?;
    let measured = Measured::take(servers, &mut load, time)?;
    drop(load);
    servers.iter().try_for_each(|server| server.settle())?;
    Ok(measured)
}

const NOTIFICATIONS: Test =
    Test { group: Group::Traffic, name: "notifications of add(1, 2), 1 call behind every 64" };
const RELAYS: Test = Test { group: Group::Traffic, name: "calls that make the server call back" };

/// The number of notifications that are sent at once.
const AT_ONCE: usize = 64;

/// Notifications. A call after them shows that they were taken, since they are in order.
pub(crate) fn notifications(run: &mut Run, server: &Server) -> Result<(), String> {
    run.attempt(BIRPC, NOTIFICATIONS, |run| {
        none_is_dropped(server)?;
        let fence = Rc::new(Exchange::add());
        let text = r#"{"jsonrpc":"2.0","method":"add","params":[1,2]}"#;
        let mut load = Load::new(server.address)?;
        let script = || -> Box<dyn Script> { Box::new(Notifications::new(AT_ONCE as u64, text, &fence)) };
        let callers = load.connect(64, script)?;
        measure(run, NOTIFICATIONS, server, load, callers)
    })
}

/// Checks that a call after notifications is answered only after they were served: it asks for what they
/// logged.
fn none_is_dropped(server: &Server) -> Result<(), String> {
    let logged = format!("[{}]", [r#""line""#; AT_ONCE].join(","));
    let fence = Rc::new(Exchange::new("logged", "[]", &logged));
    let text = r#"{"jsonrpc":"2.0","method":"log","params":["line"]}"#;
    let mut load = Load::new(server.address)?;
    let callers = load
        .connect(1, || -> Box<dyn Script> { Box::new(Notifications::new(AT_ONCE as u64, text, &fence)) })?;
    load.tally.allow(AT_ONCE as u64);
    load.begin(callers)?;
    load.run(Tally::at_rest)
}

/// Calls of a method that calls its caller back before it returns.
pub(crate) fn relays(run: &mut Run, server: &Server) -> Result<(), String> {
    run.attempt(BIRPC, RELAYS, |run| {
        let exchange = Rc::new(Exchange::new("relay", r#"["add",[1,2]]"#, "3"));
        let asked: Rc<[u8]> = br#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":"#[..].into();
        let mut load = Load::new(server.address)?;
        let callers = load.connect(64, || -> Box<dyn Script> {
            let calls = Calls::new(&exchange, 16, Pace::Steady);
            Box::new(Relays { calls, asked: asked.clone(), result: "3" })
        })?;
        measure(run, RELAYS, server, load, callers)
    })
}
