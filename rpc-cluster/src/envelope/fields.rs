//! Writes and reads the fields of an envelope. A reader never trusts a length: it takes only what is there.

use std::time::Duration;

use bytes::Bytes;

use crate::node_id::NodeId;

/// What was received does not have the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The text of a name, of at most this many bytes.
pub(super) const MAX_NAME: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn node(&mut self, node: NodeId) {
        self.0.extend_from_slice(&node.0.to_be_bytes());
    }

    /// In milliseconds, rounded up, at most 49 days.
    pub(super) fn duration(&mut self, value: Duration) {
        self.u32(u32::try_from(value.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX));
    }

    /// A text that is short: what exceeds 64 KiB is cut.
    pub(super) fn short(&mut self, text: &str) {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.u16(u16::try_from(end).unwrap_or(u16::MAX));
        self.0.extend_from_slice(&text.as_bytes()[..end]);
    }

    /// A list, of which at most `u32::MAX` elements are written.
    pub(super) fn list<T>(&mut self, list: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(list.len()).unwrap_or(u32::MAX));
        list.iter().take(u32::MAX as usize).for_each(|element| write(self, element));
    }

    /// What is there until the end.
    pub(super) fn rest(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[derive(Debug)]
pub(super) struct Reader(Bytes);

impl Reader {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Result<Bytes, Malformed> {
        if count > self.0.len() {
            return Err(Malformed);
        }
        Ok(self.0.split_to(count))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.as_ref().try_into().map_err(|_| Malformed)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// 0 or 1.
    pub(super) fn bool(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    pub(super) fn node(&mut self) -> Result<NodeId, Malformed> {
        self.array().map(|bytes| NodeId(u128::from_be_bytes(bytes)))
    }

    pub(super) fn duration(&mut self) -> Result<Duration, Malformed> {
        self.u32().map(|milliseconds| Duration::from_millis(milliseconds.into()))
    }

    pub(super) fn short(&mut self) -> Result<String, Malformed> {
        let length = self.u16()?;
        let bytes = self.take(length.into())?;
        std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_| Malformed)
    }

    /// The name of a group, a user, a key or a node.
    pub(super) fn name(&mut self) -> Result<String, Malformed> {
        self.short().ok().filter(|name| (1..=MAX_NAME).contains(&name.len())).ok_or(Malformed)
    }

    /// A list, whose elements have at least `size` bytes each. Memory is reserved only for what is there.
    pub(super) fn list<T>(
        &mut self,
        size: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.u32()? as usize;
        if count.checked_mul(size).is_none_or(|bytes| bytes > self.0.len()) {
            return Err(Malformed);
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// What is there until the end; it shares the memory of what was received.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }

    /// The rest, which is UTF-8.
    pub(super) fn text(&mut self) -> Result<Bytes, Malformed> {
        let rest = self.rest();
        if std::str::from_utf8(&rest).is_err() { Err(Malformed) } else { Ok(rest) }
    }

    /// Nothing more is there.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}
