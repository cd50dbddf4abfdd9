//! A pair on its way in: brought by an operator, or made up here.

use zeroize::Zeroizing;

use super::error::VaultError;
use super::outgoing::Departing;
use super::secrets::check_half;
use super::state::Unsealed;
use crate::crypto;
use crate::model::{Encoding, FieldError, Fingerprint, Integration, PairOrigin};
use crate::secret::Plaintext;

/// Random bytes of each half that is issued; in hex it has 64 characters, like NetSuite's.
const ISSUED_BYTES: usize = 32;

/// Where the halves of a pair come from.
pub enum PairSource {
    /// A public client has no client secret, a confidential one has.
    Given { client_id: Plaintext, client_secret: Option<Plaintext> },
    /// From the kernel's random numbers.
    Issued,
}

/// A pair that was issued, to be shown this once.
pub struct IssuedPair {
    pub client_id: Plaintext,
    pub client_secret: Option<Plaintext>,
    /// To be kept with the bytes until they have been sent.
    pub departing: Departing,
}

/// The same before it is stored.
pub(super) struct MadeUp {
    client_id: Plaintext,
    client_secret: Option<Plaintext>,
}

impl MadeUp {
    pub fn leaves(self, departing: Departing) -> IssuedPair {
        let Self { client_id, client_secret } = self;
        IssuedPair { client_id, client_secret, departing }
    }
}

/// A pair that may be stored.
pub(super) struct Settled {
    /// Client ID first; a public client has it alone.
    pub halves: Vec<(Plaintext, Encoding)>,
    pub origin: PairOrigin,
    pub issued: Option<MadeUp>,
}

impl PairSource {
    /// Checks a given pair, or makes one. `at` is the pointer of the object that it was given in.
    pub(super) fn settle(self, is_public: bool, at: &str) -> Result<Settled, VaultError> {
        match self {
            Self::Given { client_id, client_secret } => {
                let halves = check(client_id, client_secret, is_public, at).map_err(VaultError::Invalid)?;
                Ok(Settled { halves, origin: PairOrigin::Captured, issued: None })
            }
            Self::Issued => {
                let (stored_id, client_id) = made_up()?;
                let mut halves = vec![(stored_id, Encoding::Utf8)];
                let mut client_secret = None;
                if !is_public {
                    let (stored, shown) = made_up()?;
                    halves.push((stored, Encoding::Utf8));
                    client_secret = Some(shown);
                }
                let issued = Some(MadeUp { client_id, client_secret });
                Ok(Settled { halves, origin: PairOrigin::Issued, issued })
            }
        }
    }
}

/// The fingerprints of a pair as an audit entry has them.
pub(super) fn joined<'a>(fingerprints: impl Iterator<Item = &'a Fingerprint>) -> String {
    fingerprints.map(|each| each.as_str()).collect::<Vec<_>>().join("+")
}

fn check(
    client_id: Plaintext,
    client_secret: Option<Plaintext>,
    is_public: bool,
    at: &str,
) -> Result<Vec<(Plaintext, Encoding)>, Vec<FieldError>> {
    let (id_at, secret_at) = (format!("{at}/client_id"), format!("{at}/client_secret"));
    let wrong = |detail: &str| Err(FieldError::new(&secret_at, detail));
    let id_checked = check_half(&client_id, &id_at);
    let secret_checked = match (&client_secret, is_public) {
        (Some(secret), false) if secret.same_as(&client_id) => {
            wrong("is the same as the client ID; NetSuite shows two different values")
        }
        (Some(secret), false) => check_half(secret, &secret_at).map(Some),
        (None, true) => Ok(None),
        (Some(_), true) => wrong("is given, but the record is a public client's, which has no client secret"),
        (None, false) => wrong("is missing; the record is a confidential client's, which has one"),
    };
    match (id_checked, secret_checked) {
        (Ok(id), Ok(secret)) => {
            let secret = client_secret.zip(secret);
            Ok([Some((client_id, id)), secret].into_iter().flatten().collect())
        }
        (id, secret) => Err([id.err(), secret.err()].into_iter().flatten().collect()),
    }
}

/// The same text twice: one to be sealed, one to be shown.
fn made_up() -> Result<(Plaintext, Plaintext), VaultError> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = crypto::fresh::<ISSUED_BYTES>()?;
    let text = || {
        let mut text = Zeroizing::new(Vec::with_capacity(2 * ISSUED_BYTES));
        for byte in bytes.iter() {
            text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Plaintext::from(text)
    };
    Ok((text(), text()))
}

/// Refuses to make up a pair where NetSuite's stands: nobody out there would know it.
pub(super) fn refuse_made_up(
    unsealed: &Unsealed,
    record: &Integration,
    source: &PairSource,
) -> Result<(), VaultError> {
    let mut halves = record.secret_ids().filter_map(|id| unsealed.registry.secrets.get(id));
    let captured =
        record.pair_origin == PairOrigin::Captured && halves.any(|half| half.noun.current().is_some());
    if !captured || !matches!(source, PairSource::Issued) {
        return Ok(());
    }
    Err(VaultError::Conflict(format!(
        "the pair of {0} was captured, and one that is made up here nobody else would know. Give the new one, or reset \
         the record first: fsm-vault integration reset {0} --no-capture",
        record.name
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Plaintext {
        Plaintext::new(text.as_bytes().to_vec())
    }

    fn pointers(id: &str, secret: Option<&str>, is_public: bool) -> Vec<String> {
        let source = PairSource::Given { client_id: plain(id), client_secret: secret.map(plain) };
        match source.settle(is_public, "/credentials") {
            Ok(settled) => {
                assert_eq!(settled.halves.len(), if is_public { 1 } else { 2 });
                Vec::new()
            }
            Err(VaultError::Invalid(wrong)) => wrong.into_iter().map(|each| each.pointer).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_confidential_client_has_two_halves_and_a_public_one_has_one() {
        const ID: &str = "/credentials/client_id";
        const SECRET: &str = "/credentials/client_secret";
        assert!(pointers("a", Some("b"), false).is_empty());
        assert!(pointers("a", None, true).is_empty());
        assert_eq!(pointers("a", None, false), [SECRET]);
        assert_eq!(pointers("a", Some("b"), true), [SECRET]);
        assert_eq!(pointers("a", Some("a"), false), [SECRET]);
        assert_eq!(pointers("", Some(""), false), [ID, SECRET]);
        assert_eq!(pointers("", Some("b"), false), [ID]);
        assert_eq!(pointers("", None, true), [ID]);
    }

    #[test]
    fn what_is_issued_is_64_hex_digits_each_and_never_the_same() {
        let text = |half: &Plaintext| half.lend(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..8 {
            let settled = PairSource::Issued.settle(false, "").unwrap();
            let shown = settled.issued.unwrap();
            for (stored, shown) in settled.halves.iter().zip([Some(shown.client_id), shown.client_secret]) {
                assert!(stored.0.same_as(&shown.unwrap()));
                let text = text(&stored.0);
                assert!(text.len() == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
                assert!(seen.insert(text));
            }
        }
        let public = PairSource::Issued.settle(true, "").unwrap();
        assert!(public.halves.len() == 1 && public.issued.unwrap().client_secret.is_none());
    }
}
