//! WebSocket frames (RFC 6455 §5.2): written for the fuzzer, and checked when birpc sends them.

use serde_json::Value;

/// The FIN bit of a frame's first byte.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const MORE: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A complete frame. A client's is masked (§5.3).
pub(crate) fn write(first: u8, payload: &[u8], masked: bool, out: &mut Vec<u8>) {
    let bit = if masked { 0x80 } else { 0 };
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => out.push(bit | length),
        (_, Ok(length)) => {
            out.push(bit | 126);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    let mask = if masked { MASK } else { [0; 4] };
    if masked {
        out.extend(mask);
    }
    out.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Checks birpc's output: frames of its role, texts that are JSON, and no data after a close frame.
pub(crate) struct Checker {
    masked: bool,
    bytes: Vec<u8>,
    closed: bool,
    /// The number of bytes so far.
    pub(crate) received: usize,
}

impl Checker {
    /// For frames of a client, which are masked, or of a server.
    pub(crate) fn new(masked: bool) -> Self {
        Self { masked, bytes: Vec::new(), closed: false, received: 0 }
    }

    /// # Panics
    /// If the bytes are not a valid frame.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        self.bytes.extend_from_slice(bytes);
        while let Some((first, payload, length)) = self.frame() {
            self.check(first, &payload);
            self.bytes.drain(..length);
        }
    }

    /// The first byte and the payload of a complete frame, and its length.
    fn frame(&self) -> Option<(u8, Vec<u8>, usize)> {
        let [first, second, rest @ ..] = &*self.bytes else { return None };
        assert_eq!(second & 0x80 != 0, self.masked, "a client masks, a server does not");
        let (length, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), &rest[2..]),
            127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, &rest[8..]),
            short => (usize::from(short), rest),
        };
        let (mask, rest) = match self.masked {
            true => (*rest.first_chunk::<4>()?, &rest[4..]),
            false => ([0; 4], rest),
        };
        let payload = rest.get(..length)?;
        let unmasked = payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        Some((*first, unmasked, self.bytes.len() - rest.len() + length))
    }

    fn check(&mut self, first: u8, payload: &[u8]) {
        // The pong of a ping that arrived just before may follow it (§5.5.1).
        assert!(
            !self.closed || first & 0xf == PONG,
            "a frame of kind {} behind the close frame",
            first & 0xf
        );
        assert_eq!(first & 0xf0, FIN, "nothing here is long enough for fragments");
        match first & 0xf {
            TEXT => check_message(payload),
            CLOSE => {
                self.closed = true;
                assert!(payload.len() <= 125 && payload.len() != 1);
                assert!(std::str::from_utf8(payload.get(2..).unwrap_or_default()).is_ok());
            }
            PING | PONG => assert!(payload.len() <= 125),
            other => panic!("a frame of kind {other}"),
        }
    }
}

/// JSON, and of JSON-RPC 2.0.
fn check_message(text: &[u8]) {
    // Params and results may contain values that do not fit a `Value`: large numbers or deep nesting.
    serde_json::from_slice::<&serde_json::value::RawValue>(text).expect("it is JSON");
    match serde_json::from_slice(text) {
        Ok(Value::Array(replies)) => {
            assert!(!replies.is_empty());
            replies.iter().for_each(check_members);
        }
        Ok(message) => check_members(&message),
        Err(_) => {}
    }
}

fn check_members(message: &Value) {
    assert_eq!(message["jsonrpc"], "2.0");
    let members = ["method", "result", "error"].into_iter().filter(|name| message.get(name).is_some());
    assert_eq!(members.count(), 1, "one of them says what it is: {message}");
}
