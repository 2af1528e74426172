//! The key that all servers share, with which they sign what they publish.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The length of a signature, in bytes.
pub(super) const SIGNATURE: usize = 32;

/// A key for HMAC-SHA-256 (RFC 2104). A clone is the same key.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    /// `secret` may have any length; 32 random bytes are right.
    pub(crate) fn new(secret: &[u8]) -> Self {
        let key = match Hmac::<Sha256>::new_from_slice(secret) {
            Ok(key) => key,
            // HMAC takes keys of any length, so this is not reached.
            Err(_) => Hmac::<Sha256>::new(&Default::default()),
        };
        Self(key)
    }

    pub(super) fn sign(&self, parts: [&[u8]; 2]) -> [u8; SIGNATURE] {
        self.digest(parts).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, parts: [&[u8]; 2], signature: &[u8]) -> bool {
        self.digest(parts).verify_slice(signature).is_ok()
    }

    fn digest(&self, parts: [&[u8]; 2]) -> Hmac<Sha256> {
        let mut digest = self.0.clone();
        parts.iter().for_each(|part| digest.update(part));
        digest
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
