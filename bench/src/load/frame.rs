//! WebSocket frames (RFC 6455 §5.2), as a client writes and reads them.

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Appends an unfragmented frame.
///
/// Its masking key is zero, which does not change the payload: a server unmasks it like any other, and a
/// prepared frame can be sent again.
pub(crate) fn write(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FIN | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(MASKED | length as u8),
        length @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(MASKED | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

/// The opcode of a frame, and the position of its payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) last: bool,
    pub(crate) opcode: u8,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Head {
    /// Reads the header of the frame at the beginning of `bytes`, whose payload may be missing; `None` if the
    /// header is incomplete.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if second & MASKED != 0 {
            return Err("a frame of the server is masked".into());
        }
        let (start, length): (usize, usize) = match second {
            126 => match rest.first_chunk() {
                Some(length) => (4, usize::from(u16::from_be_bytes(*length))),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (10, usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX)),
                None => return Ok(None),
            },
            length => (2, usize::from(*length)),
        };
        let end = start.checked_add(length).ok_or("a frame of the server is longer than memory")?;
        Ok(Some(Self { last: first & FIN != 0, opcode: first & 0x0f, start, end }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame as a server would send it: without the mask.
    fn unmasked(payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        write(TEXT, payload, &mut frame);
        let key = frame.len() - payload.len() - 4;
        frame.drain(key..key + 4);
        frame[1] &= !MASKED;
        frame
    }

    #[test]
    fn a_client_masks_with_zeros() {
        let mut out = Vec::new();
        write(TEXT, b"hi", &mut out);
        assert_eq!(out, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    }

    #[test]
    fn lengths_of_every_size_are_written_and_read() {
        for (length, start) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
            let frame = unmasked(&vec![b'x'; length]);
            let expected = Head { last: true, opcode: TEXT, start, end: start + length };
            assert_eq!(Head::read(&frame), Ok(Some(expected)), "of {length} bytes");
            for cut in 0..start {
                assert_eq!(Head::read(&frame[..cut]), Ok(None), "{cut} of {start} bytes of the head");
            }
        }
    }

    #[test]
    fn a_server_must_not_mask_and_lengths_do_not_overflow() {
        assert!(Head::read(&[0x81, 0x80]).is_err());
        assert!(Head::read(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    }
}
