//! The epoch file: how far the store has come, told outside the store.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "FSME"
//!      4      1  format, 1
//!      5     16  vault id
//!     21      8  epoch, big-endian
//!     29     32  HMAC(epoch key, the 29 bytes before)
//! ```

use super::ring::KeyRing;
use super::sealed::FORMAT;
use crate::crypto::{MAC_LEN, Mac};

const MAGIC: &[u8; 4] = b"FSME";
const TOLD: usize = 29;
/// Bytes of the file.
pub const EPOCH_LEN: usize = TOLD + MAC_LEN;

impl KeyRing {
    /// The file's bytes for this epoch.
    pub fn tell_epoch(&self, epoch: u64) -> [u8; EPOCH_LEN] {
        let mut bytes = [0; EPOCH_LEN];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4] = FORMAT;
        bytes[5..21].copy_from_slice(self.vault().as_bytes());
        bytes[21..TOLD].copy_from_slice(&epoch.to_be_bytes());
        // The mac of a number that anybody may know.
        let mac = self.epoch_key().hash(&[&bytes[..TOLD]]).into_public();
        bytes[TOLD..].copy_from_slice(&mac);
        bytes
    }

    /// The epoch that these bytes tell of; None if this vault didn't write them.
    pub fn told_epoch(&self, bytes: &[u8]) -> Option<u64> {
        let bytes: &[u8; EPOCH_LEN] = bytes.try_into().ok()?;
        let (told, mac) = bytes.split_first_chunk::<TOLD>()?;
        let mac = Mac::from_stored(mac.try_into().ok()?);
        if !self.epoch_key().hash(&[told]).same_as(&mac) {
            return None;
        }
        let ours = &told[..4] == MAGIC && told[4] == FORMAT && &told[5..21] == self.vault().as_bytes();
        ours.then(|| u64::from_be_bytes(told[21..].try_into().expect("eight bytes are left")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Argon2Cost;
    use crate::keys::Header;
    use crate::secret::Plaintext;

    fn ring() -> KeyRing {
        let cost = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
        Header::create(&Plaintext::new(b"right".to_vec()), cost).unwrap().1
    }

    #[test]
    fn only_its_own_bytes_are_believed() {
        let (ring, other) = (ring(), ring());
        for epoch in [0, 1, u64::MAX] {
            let bytes = ring.tell_epoch(epoch);
            assert_eq!(ring.told_epoch(&bytes), Some(epoch));
            assert_eq!(other.told_epoch(&bytes), None);
            for at in 0..bytes.len() {
                let mut bent = bytes;
                bent[at] ^= 1;
                assert_eq!(ring.told_epoch(&bent), None, "byte {at}");
            }
            assert_eq!(ring.told_epoch(&bytes[1..]), None);
            assert_eq!(ring.told_epoch(&[&bytes[..], &[0]].concat()), None);
        }
    }
}
