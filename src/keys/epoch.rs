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
/// Bytes that are read of one that a newer release may have written.
pub const EPOCH_MOST: usize = 4096;

/// What the file tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldEpoch {
    Says(u64),
    /// This vault wrote it, under a newer release, whose format this is.
    Newer(u8),
    /// This vault didn't write it.
    Foreign,
}

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

    /// What another format might write.
    #[cfg(test)]
    pub fn newer_epoch(&self, format: u8, more: &[u8]) -> Vec<u8> {
        let mut bytes = [&self.tell_epoch(7)[..TOLD], more].concat();
        bytes[4] = format;
        let mac = self.epoch_key().hash(&[&bytes]).into_public();
        bytes.extend_from_slice(&mac);
        bytes
    }

    /// What these bytes tell of, at most [`EPOCH_MOST`] of them.
    pub fn told_epoch(&self, bytes: &[u8]) -> ToldEpoch {
        let Some((told, mac)) = bytes.split_last_chunk::<MAC_LEN>() else { return ToldEpoch::Foreign };
        if !self.epoch_key().hash(&[told]).same_as(&Mac::from_stored(*mac)) {
            return ToldEpoch::Foreign;
        }
        match told.strip_prefix(MAGIC).and_then(<[u8]>::split_first) {
            Some((&FORMAT, rest)) => match rest.strip_prefix(self.vault().as_bytes()) {
                Some(epoch) => {
                    epoch.try_into().map_or(ToldEpoch::Foreign, |it| ToldEpoch::Says(u64::from_be_bytes(it)))
                }
                None => ToldEpoch::Foreign,
            },
            Some((&newer @ FORMAT.., _)) => ToldEpoch::Newer(newer),
            _ => ToldEpoch::Foreign,
        }
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
            assert_eq!(ring.told_epoch(&bytes), ToldEpoch::Says(epoch));
            assert_eq!(other.told_epoch(&bytes), ToldEpoch::Foreign);
            for at in 0..bytes.len() {
                let mut bent = bytes;
                bent[at] ^= 1;
                assert_eq!(ring.told_epoch(&bent), ToldEpoch::Foreign, "byte {at}");
            }
            assert_eq!(ring.told_epoch(&bytes[1..]), ToldEpoch::Foreign);
            assert_eq!(ring.told_epoch(&[&bytes[..], &[0]].concat()), ToldEpoch::Foreign);
        }
    }

    /// A newer release may write more into it, and still begins and ends it so.
    #[test]
    fn a_newer_format_is_believed_by_its_mac_alone() {
        let (ring, other) = (ring(), ring());
        for (format, more, told) in [
            (2, &b""[..], ToldEpoch::Newer(2)),
            (9, b"and more", ToldEpoch::Newer(9)),
            (255, b"", ToldEpoch::Newer(255)),
            (0, b"", ToldEpoch::Foreign),
            (1, b"and more", ToldEpoch::Foreign),
        ] {
            let bytes = ring.newer_epoch(format, more);
            assert_eq!(ring.told_epoch(&bytes), told, "{format}");
            assert_eq!(other.told_epoch(&bytes), ToldEpoch::Foreign);
            let relabelled = [b"FSME", &[3][..], &bytes[5..]].concat();
            assert_eq!(ring.told_epoch(&relabelled), ToldEpoch::Foreign);
        }
    }
}
