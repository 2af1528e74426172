//! The buffer in which replies are written, kept to avoid allocations.

/// A buffer that is larger than this is not kept.
pub(in crate::connection) const KEEP_REPLY: usize = 16 << 10;

#[derive(Default)]
pub(super) struct ReplyBuffer(Vec<u8>);

impl ReplyBuffer {
    /// Takes the buffer, empty, for a reply.
    #[inline]
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut reply = std::mem::take(&mut self.0);
        reply.clear();
        reply
    }

    /// Takes back the buffer of a reply.
    #[inline]
    pub(super) fn keep(&mut self, reply: Vec<u8>) {
        if reply.capacity() <= KEEP_REPLY {
            self.0 = reply;
        }
    }

    /// Frees its memory.
    pub(super) fn shrink(&mut self) {
        self.0 = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_kept_unless_it_is_large_until_the_connection_is_idle() {
        let mut buffer = ReplyBuffer::default();
        for (capacity, kept) in [(100, 100), (KEEP_REPLY + 1, 100), (KEEP_REPLY, KEEP_REPLY)] {
            buffer.keep(Vec::with_capacity(capacity));
            assert_eq!(buffer.0.capacity(), kept);
        }
        buffer.shrink();
        assert_eq!(buffer.0.capacity(), 0);
    }
}
