//! Certificates that were verified lately, and what was read from them.
//!
//! The same few callers come again and again, and reading X.509 costs a handshake more than all that the daemon does
//! after it. What is kept is a function of the certificate's bytes, all of which are compared; that it is valid, whom
//! it is trusted for and what its caller may do is found out each time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::pki_types::CertificateDer;

use super::presented::Presented;

/// How many are kept: at most 16 KiB each.
const KEPT: usize = 32;

/// The last ones, the newest first.
static RECENT: Mutex<VecDeque<(Box<[u8]>, Presented)>> = Mutex::new(VecDeque::new());

/// What was read from these very bytes, if they were verified lately.
pub(super) fn recall(leaf: &CertificateDer<'_>) -> Option<Presented> {
    recent().iter().find(|(bytes, _)| **bytes == **leaf).map(|(_, presented)| presented.clone())
}

/// To be called once the certificate has been verified: nobody else's takes up room.
pub(super) fn remember(leaf: &CertificateDer<'_>, presented: Presented) {
    let mut recent = recent();
    if !recent.iter().any(|(bytes, _)| **bytes == **leaf) {
        recent.truncate(KEPT - 1);
        recent.push_front((leaf.as_ref().into(), presented));
    }
}

fn recent() -> MutexGuard<'static, VecDeque<(Box<[u8]>, Presented)>> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Leaf, authority};
    use super::*;

    #[test]
    fn every_byte_counts_and_the_oldest_goes() {
        let authority = authority();
        let leaf = || Leaf::default().signed_by(&authority).certificate;
        let (first, read) = (leaf(), |leaf: &CertificateDer<'_>| Presented::from_leaf(leaf).unwrap());
        assert_eq!(recall(&first), None, "reading alone keeps nothing");
        remember(&first, read(&first));
        assert_eq!(recall(&first), Some(read(&first)));
        let mut bent = first.to_vec();
        for at in [0, bent.len() / 2, bent.len() - 1] {
            bent[at] ^= 1;
            assert_eq!(recall(&CertificateDer::from(bent.clone())), None);
            bent[at] ^= 1;
        }
        // Other tests' handshakes remember theirs meanwhile, so more than this has no certain end.
        for _ in 0..KEPT {
            let next = leaf();
            remember(&next, read(&next));
        }
        assert_eq!(recall(&first), None);
        assert!(recent().len() <= KEPT);
    }
}
