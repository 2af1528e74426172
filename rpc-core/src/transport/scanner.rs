//! Reads frame headers in a byte stream (RFC 6455 §5.2) to count what the WebSocket library does not report:
//! the fragments of a message, and the bytes of an incomplete one.

use std::fmt;

/// The size of the longest header: two bytes, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// Payloads up to this size are passed to the codec as they arrive: the memory that it reserves for one is
/// small.
const SMALL: u64 = 2 << 10;

/// The codec reserves room for a whole payload as soon as it sees the header, but a header costs its sender
/// nothing. So the codec gets a larger payload's header only when a quarter of the payload has arrived.
const KNOWN_FROM: u64 = 4;

pub(super) struct FrameScanner {
    header: [u8; LONGEST_HEADER],
    /// Bytes of the next header that have arrived.
    have: usize,
    /// Bytes of the payload that have not arrived.
    payload: u64,
    /// The size of the whole payload.
    total: u64,
    /// Bytes of the current message's fragments so far, the whole of the current fragment included. Not
    /// maintained for the last fragment.
    message: u64,
    /// Complete frames of the current message. The last frame is not counted, so a count equal to the limit
    /// is too many.
    fragments: usize,
    limit: usize,
    /// Messages whose last frame has begun to arrive.
    messages: u64,
}

/// A message has more fragments than the limit.
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
            total: 0,
            message: 0,
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
                self.begin_frame();
            }
        }
        // The state stays as it is: nothing is read after this error.
        if self.fragments < self.limit { Ok(()) } else { Err(TooManyFragments { limit: self.limit }) }
    }

    /// Whether the bytes so far end with a complete message.
    pub(super) fn is_at_rest(&self) -> bool {
        self.have == 0 && self.payload == 0 && self.fragments == 0
    }

    /// The number of messages, counted at the header of their last frame. All of them are complete if the
    /// scanner is at rest.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// How many bytes of the frame's payload are still to arrive.
    pub(super) fn expected(&self) -> usize {
        usize::try_from(self.payload).unwrap_or(usize::MAX)
    }

    /// The bytes so far of a message or control frame that is not complete.
    pub(super) fn unfinished(&self) -> u64 {
        if self.payload == 0 {
            let fragments = if self.fragments > 0 { self.message } else { 0 };
            return fragments.saturating_add(self.have as u64);
        }
        if self.is_control() {
            let fragments = if self.fragments > 0 { self.message } else { 0 };
            return fragments.saturating_add(self.frame());
        }
        if self.is_last() { self.message.saturating_add(self.frame()) } else { self.message - self.payload }
    }

    /// The bytes so far of the frame whose payload is arriving.
    fn frame(&self) -> u64 {
        (length_of(&self.header) as u64).saturating_add(self.total - self.payload)
    }

    /// How many of the last `read` bytes to hold back from the codec: those of a large frame of which little
    /// has arrived.
    pub(super) fn held_back(&self, read: usize, max_payload: usize) -> usize {
        if self.payload == 0 || self.total <= SMALL {
            return 0;
        }
        let is_known = self.total - self.payload >= self.total / KNOWN_FROM;
        let is_data = self.header[0] & 0x0f <= 2;
        // If the frame breaks a limit or a rule, the codec reports it at once.
        if is_known || !is_data || self.total > max_payload as u64 {
            return 0;
        }
        read.min(usize::try_from(self.frame()).unwrap_or(usize::MAX))
    }

    /// The length of the current header, as far as it is known.
    fn header_len(&self) -> usize {
        if self.have < 2 { 2 } else { length_of(&self.header) }
    }

    /// Starts a frame whose header is complete.
    fn begin_frame(&mut self) {
        let header = &self.header;
        self.payload = match header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([header[2], header[3]])),
            127 => header[2..10].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        self.total = self.payload;
        self.have = 0;
        let (last, control) = (self.is_last(), self.is_control());
        self.messages += u64::from(last);
        if !control {
            if self.fragments == 0 {
                self.message = 0;
            }
            if last {
                self.fragments = 0;
            } else {
                self.fragments += 1;
                // The length in a header may be any number.
                let frame = (length_of(&self.header) as u64).saturating_add(self.total);
                self.message = self.message.saturating_add(frame);
            }
        }
    }

    /// Whether the current frame is the last of its message.
    fn is_last(&self) -> bool {
        self.header[0] & 0x80 != 0
    }

    fn is_control(&self) -> bool {
        self.header[0] & 0x08 != 0
    }
}

/// The length of a header, from its first two bytes; never longer than the array.
fn length_of(header: &[u8; LONGEST_HEADER]) -> usize {
    let mask = if header[1] & 0x80 == 0 { 0 } else { 4 };
    mask + match header[1] & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
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

    /// A header that claims `claimed` bytes, without any of them.
    fn claim(first: u8, claimed: u64) -> Vec<u8> {
        let mut header = vec![first, 127];
        header.extend(claimed.to_be_bytes());
        header
    }

    #[test]
    fn a_claimed_length_of_any_size_overflows_nothing() {
        for claimed in [u64::MAX, u64::MAX - 1, u64::MAX - 13, 1 << 63] {
            for before in [frame(0x01, 5, false), frame(0x01, 70_000, true), Vec::new()] {
                for first in [0x00, 0x01, 0x80, 0x81, 0x89] {
                    let mut scanner = FrameScanner::new(10);
                    scanner.scan(&before).expect("one fragment");
                    scanner.scan(&claim(first, claimed)).expect("few fragments");
                    scanner.scan(&[7; 100]).expect("few fragments");
                    assert!(scanner.unfinished() >= 100);
                    assert!(scanner.held_back(50, usize::MAX) <= 50);
                }
            }
        }
    }

    #[test]
    fn bytes_of_what_is_half_here_are_counted() {
        let mut scanner = FrameScanner::new(9);
        let mut feed = |bytes: &[u8]| {
            bytes.iter().for_each(|byte| scanner.scan(&[*byte]).expect("few fragments"));
            scanner.unfinished()
        };
        assert_eq!(feed(&[0x81]), 1);
        assert_eq!(feed(&[3, 1, 2]), 4);
        assert_eq!(feed(&[3]), 0);
        assert_eq!(feed(&[0x01, 2, 1, 2]), 4, "a fragment");
        assert_eq!(feed(&[0x89, 2, 1]), 7, "and half a ping");
        assert_eq!(feed(&[2]), 4);
        assert_eq!(feed(&[0x00, 0]), 6, "an empty fragment");
        assert_eq!(feed(&[0x80, 0]), 0);
    }

    #[test]
    fn of_a_large_frame_the_codec_learns_when_a_quarter_is_here() {
        const MAX: usize = 1 << 20;
        let held_back = |first: u8, payload: usize, come: usize| {
            let mut scanner = FrameScanner::new(9);
            let small = frame(0x81, 10, true);
            let bytes = [&small, &frame(first, payload, true)[..come]].concat();
            scanner.scan(&bytes).expect("few fragments");
            scanner.held_back(bytes.len(), MAX)
        };
        assert_eq!(held_back(0x81, 100_000, 13), 0, "the header is not here");
        assert_eq!(held_back(0x81, 100_000, 15), 15);
        assert_eq!(held_back(0x81, 100_000, 25_013), 25_013);
        assert_eq!(held_back(0x81, 100_000, 25_014), 0);
        assert_eq!(held_back(0x81, 2048, 9), 0, "it is small");
        assert_eq!(held_back(0x81, MAX + 1, 15), 0, "it is too large");
        assert_eq!(held_back(0x83, 100_000, 15), 0, "there is no such frame");
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
