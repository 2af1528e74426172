//! What the fuzz targets use, behind the feature `__internals`. Nothing here is part of the API.

use bytes::Bytes;

use crate::envelope::{Envelope, Key};

/// Reads any bytes as an envelope, and checks that what is read is written and read back as the same.
///
/// # Panics
/// Panics if it is not.
pub fn check_envelope(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let key = Key::new(b"a key for all servers");
    assert!(Envelope::decode(&bytes, Some(&key)).is_err(), "nobody has signed it");
    let Ok(read) = Envelope::decode(&bytes, None) else { return };
    if !read.is_understood {
        return;
    }
    for key in [None, Some(&key)] {
        let written = Envelope::encode(read.node, read.numbers, &read.topic, &read.message, key);
        assert_eq!(Envelope::decode(&written, key).as_ref(), Ok(&read));
    }
}
