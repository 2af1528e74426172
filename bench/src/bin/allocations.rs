//! The allocations of a server for a call of `add`, with 16 in flight on one connection: `allocations
//! [--server birpc|floor] [--calls N]` prints `allocations A bytes B`, both per call.
//!
//! The server has the main thread for itself, and only that thread is counted. Another thread generates the
//! load: frames written by hand over TCP, so that no client is included.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use birpc::Server;
use birpc_bench::counting::Counting;
use birpc_bench::options::option;
use birpc_bench::{floor, service};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

const IN_FLIGHT: u64 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let which = option("--server", "birpc".to_owned())?;
    let rounds = option("--calls", 100_000_u64)?.div_ceil(IN_FLIGHT).max(1);
    ALLOCATOR.this_thread();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = match which.as_str() {
            "floor" => {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let address = listener.local_addr()?;
                tokio::spawn(floor::serve(listener));
                address
            }
            "birpc" => {
                let server = Server::bind("127.0.0.1:0").await?;
                let address = server.local_addr()?;
                tokio::spawn(server.serve(service::router()));
                address
            }
            other => return Err(format!("--server is `birpc` or `floor`, not {other:?}").into()),
        };
        let (done, load) = tokio::sync::oneshot::channel();
        thread::spawn(move || done.send(load_of(address, rounds).map_err(|error| error.to_string())));
        let (allocations, bytes) = load.await??;
        let calls = (rounds * IN_FLIGHT) as f64;
        println!("allocations {:.2} bytes {:.0}", allocations as f64 / calls, bytes as f64 / calls);
        Ok(())
    })
}

/// The allocations during the calls, after a warm-up of a tenth.
fn load_of(address: SocketAddr, rounds: u64) -> std::io::Result<(u64, u64)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut replies = BufReader::new(stream.try_clone()?);
    shake_hands(&mut stream, &mut replies, address)?;
    let mut next_id = 100_000;
    let mut round = || one_round(&mut stream, &mut replies, &mut next_id);
    (0..rounds.div_ceil(10)).try_for_each(|_| round())?;
    let before = ALLOCATOR.total();
    (0..rounds).try_for_each(|_| round())?;
    let after = ALLOCATOR.total();
    Ok((after.0 - before.0, after.1 - before.1))
}

fn shake_hands(
    stream: &mut TcpStream,
    replies: &mut impl BufRead,
    address: SocketAddr,
) -> std::io::Result<()> {
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut lines = replies.lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    Ok(())
}

/// Sends as many requests as may be in flight in one write, and checks the replies.
fn one_round(stream: &mut TcpStream, replies: &mut impl Read, next_id: &mut u64) -> std::io::Result<()> {
    let mut requests = Vec::new();
    for _ in 0..IN_FLIGHT {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{next_id},"method":"add","params":[1,2]}}"#);
        // A final text frame, masked with zeros, which do not change the payload (RFC 6455 §5.2).
        requests.extend([0x81, 0x80 | text.len() as u8, 0, 0, 0, 0]);
        requests.extend(text.as_bytes());
        *next_id += 1;
    }
    stream.write_all(&requests)?;
    for _ in 0..IN_FLIGHT {
        let mut header = [0; 2];
        replies.read_exact(&mut header)?;
        let mut reply = vec![0; usize::from(header[1] & 0x7f)];
        replies.read_exact(&mut reply)?;
        assert!(reply.ends_with(b"\"result\":3}"), "a wrong reply: {}", String::from_utf8_lossy(&reply));
    }
    Ok(())
}
