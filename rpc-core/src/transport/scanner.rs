//! Frame headers in a byte stream (RFC 6455 §5.2), to count what the WebSocket library does not tell:
//! the fragments of a message.

use std::fmt;

/// The longest header: two bytes, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

pub(super) struct FrameScanner {
    header: [u8; LONGEST_HEADER],
    /// Bytes of the next header that have come.
    have: usize,
    /// Bytes of the payload that have not.
    payload: u64,
    /// Frames of the message that is under way; as many as the limit without its last are too many.
    fragments: usize,
    limit: usize,
    /// Messages whose last frame has begun to come.
    messages: u64,
}

/// A message in more fragments than the limit.
#[derive(Debug)]
pub(super) struct TooManyFragments {
    limit: usize,
}

impl FrameScanner {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            header: [0; LONGEST_HEADER],
            have: 0,
            payload: 0,
            fragments: 0,
            limit: limit.max(1),
            messages: 0,
        }
    }

    pub(super) fn scan(&mut self, mut bytes: &[u8]) -> Result<(), TooManyFragments> {
        while !bytes.is_empty() && self.fragments < self.limit {
            if self.payload > 0 {
                let skipped = bytes.len().min(usize::try_from(self.payload).unwrap_or(usize::MAX));
                self.payload -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = bytes.len().min(self.header_len() - self.have);
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == self.header_len() {
                self.frame();
            }
        }
        // It stays that way: nothing is read after it.
        if self.fragments < self.limit { Ok(()) } else { Err(TooManyFragments { limit: self.limit }) }
    }

    /// Whether the bytes so far are whole messages.
    pub(super) fn is_at_rest(&self) -> bool {
        self.have == 0 && self.payload == 0 && self.fragments == 0
    }

    /// How many messages have come, counted with their last frames' headers: of whole ones, if at rest.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// How much of the frame's payload is still to come.
    pub(super) fn expected(&self) -> usize {
        usize::try_from(self.payload).unwrap_or(usize::MAX)
    }

    /// How long the header is, as far as its first two bytes tell; never more than the array.
    fn header_len(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        mask + match self.header[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    /// A header is complete.
    fn frame(&mut self) {
        let header = &self.header;
        self.payload = match header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([header[2], header[3]])),
            127 => header[2..10].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        self.have = 0;
        let (last, control) = (header[0] & 0x80 != 0, header[0] & 0x08 != 0);
        self.messages += u64::from(last);
        if !control {
            self.fragments = if last { 0 } else { self.fragments + 1 };
        }
    }
}

impl fmt::Display for TooManyFragments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message in more than {} fragments", self.limit)
    }
}

impl std::error::Error for TooManyFragments {}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload {
            0..=125 => frame.push(mask | payload as u8),
            126..=65535 => {
                frame.push(mask | 126);
                frame.extend((payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend(vec![0xff; payload + if masked { 4 } else { 0 }]);
        frame
    }

    #[test]
    fn fragments_are_counted_however_the_bytes_come() {
        for masked in [false, true] {
            let mut bytes = Vec::new();
            for size in [0, 1, 125, 126, 70_000] {
                bytes.extend(frame(0x81, size, masked)); // a whole message
                bytes.extend(frame(0x01, size, masked)); // three fragments and two pings between
                bytes.extend(frame(0x89, 5, masked));
                bytes.extend(frame(0x00, size, masked));
                bytes.extend(frame(0x8a, 0, masked));
                bytes.extend(frame(0x80, size, masked));
            }
            let mut scanner = FrameScanner::new(3);
            let rests = bytes.iter().filter(|byte| scanner.scan(&[**byte]).is_ok() && scanner.is_at_rest());
            assert_eq!(rests.count(), 2 * 5, "behind each whole message, and nowhere else");
            for step in [1, 2, 3, 7, 1000, bytes.len()] {
                let mut scanner = FrameScanner::new(3);
                assert!(bytes.chunks(step).all(|chunk| scanner.scan(chunk).is_ok()), "{step}");
                let mut scanner = FrameScanner::new(2);
                assert!(bytes.chunks(step).any(|chunk| scanner.scan(chunk).is_err()), "{step}");
            }
        }
    }
}
