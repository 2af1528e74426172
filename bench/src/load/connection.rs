//! A WebSocket connection of the load: its opening handshake and its turns.

use std::{
    io::{ErrorKind, Read, Write},
    net::{self, SocketAddr},
    time::Duration,
};

use mio::net::TcpStream;

use crate::load::{
    exchange::shown,
    frame,
    input::{Input, Message},
    script::{Script, Tally, Turn},
};

/// The time limit of an opening handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The capacity that the empty output buffer keeps.
const KEPT: usize = 64 << 10;

/// A connection after its opening handshake.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    script: Box<dyn Script>,
    input: Input,
    output: Vec<u8>,
    /// How many bytes of `output` the kernel has taken.
    written: usize,
}

impl Connection {
    /// Connects, and completes the handshake.
    pub(crate) fn open(server: SocketAddr, script: Box<dyn Script>) -> Result<Self, String> {
        let stream = shake_hands(server, script.subprotocol())
            .map_err(|e| format!("cannot connect to {server}: {e}"))?;
        let stream = TcpStream::from_std(stream);
        Ok(Self { stream, script, input: Input::default(), output: Vec::new(), written: 0 })
    }

    /// Sends the script's first messages.
    pub(crate) fn begin(&mut self, now: u64, tally: &mut Tally) -> Result<(), String> {
        self.script.begin(&mut Turn { out: &mut self.output, now, tally });
        self.write()
    }

    /// Reads everything there is into `buffer` and passes it to the script. The script's messages are sent
    /// after each read.
    pub(crate) fn turn(&mut self, buffer: &mut [u8], now: u64, tally: &mut Tally) -> Result<(), String> {
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err("the server ended the connection".into()),
                Ok(read) => read,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(format!("cannot read: {e}")),
            };
            let mut turn = Turn { out: &mut self.output, now, tally };
            let script = &mut self.script;
            self.input.feed(&buffer[..read], |message| match message {
                Message::Text(text) => script.hear(text, &mut turn),
                Message::Ping(payload) => {
                    frame::write(frame::PONG, payload, turn.out);
                    Ok(())
                }
            })?;
            self.write()?;
            if read < buffer.len() {
                return Ok(()); // the socket is empty: what comes next is an event of its own
            }
        }
        self.write()
    }

    /// Passes as much of the output to the kernel as it takes; the rest waits for the next event.
    fn write(&mut self) -> Result<(), String> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(written) => self.written += written,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(format!("cannot write: {e}")),
            }
        }
        self.written = 0;
        self.output.clear();
        if self.output.capacity() > KEPT {
            self.output = Vec::new();
        }
        Ok(())
    }
}

/// The opening handshake (RFC 6455 §4.1). In these runs the server never sends the first message, so nothing
/// may follow its response.
fn shake_hands(server: SocketAddr, subprotocol: Option<&str>) -> std::io::Result<net::TcpStream> {
    let mut stream = net::TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANDSHAKE_LIMIT))?;
    let subprotocol =
        subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{subprotocol}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    let mut buffer = [0; 1024];
    while !response.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer)?;
        response.extend(&buffer[..read]);
        if read == 0 || response.len() > 16 << 10 {
            return Err(std::io::Error::other(format!("its response is {}", shown(&response))));
        }
    }
    if !response.starts_with(b"HTTP/1.1 101 ") {
        return Err(std::io::Error::other(format!("it refused: {}", shown(&response))));
    }
    stream.set_read_timeout(None)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
