//! Cursors of the log as peers have them: sealed. A place in the log is a count of bytes, and two of them tell how long
//! the entries between them are, which a peer may not see. Only this run of the daemon reads what it has given out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::failure::Failure;
use crate::audit::Cursor;
use crate::crypto::{AeadKey, DerivedKey, Failed};
use crate::model::Invalid;
use crate::vault::VaultError;

const PURPOSE: &[u8] = b"cursor of the log";
/// Characters of a cursor; one that is shorter is filled up, so that all look alike.
const LENGTH: usize = 64;

pub struct LogCursors(AeadKey);

impl LogCursors {
    pub fn new() -> Result<Self, Failed> {
        Ok(Self(AeadKey::new(DerivedKey::fresh()?)))
    }

    /// For the answer.
    pub fn shown(&self, cursor: Option<Cursor>) -> Result<Option<String>, Failure> {
        let sealed = |cursor: Cursor| {
            let (mut out, text) = (Vec::new(), format!("{:<LENGTH$}", cursor.to_string()));
            self.0.seal_onto(&mut out, PURPOSE, text.as_bytes()).map_err(VaultError::from)?;
            Ok(URL_SAFE_NO_PAD.encode(out))
        };
        cursor.map(sealed).transpose()
    }

    /// As it came back.
    pub fn read(&self, text: Option<&str>) -> Result<Option<Cursor>, Failure> {
        let opened = |text: &str| -> Option<Cursor> {
            let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
            let opened = self.0.open(PURPOSE, &sealed).ok()?;
            std::str::from_utf8(&opened).ok()?.trim_end().parse().ok()
        };
        let why = Invalid("is no cursor that this run of the daemon has given out for this list; begin anew");
        let read = |text| opened(text).ok_or_else(|| Failure::invalid("?cursor", why.clone()));
        text.map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_look_alike_and_only_ones_own_are_read() {
        let (cursors, others) = (LogCursors::new().unwrap(), LogCursors::new().unwrap());
        let longest = format!("o{0}-{1}-{0}-{1}", u32::MAX, 1_000_000_000_000_u64);
        assert!(longest.len() <= LENGTH);
        let mut lengths = std::collections::HashSet::new();
        for text in ["n1-0", "n2-1840", "o2-1840-3-99"] {
            let cursor: Cursor = text.parse().unwrap();
            let shown = cursors.shown(Some(cursor)).unwrap().unwrap();
            assert_ne!(
                cursors.shown(Some(cursor)).unwrap().unwrap(),
                shown,
                "not told apart from another place"
            );
            lengths.insert(shown.len());
            assert_eq!(cursors.read(Some(&shown)).unwrap(), Some(cursor));
            assert!(others.read(Some(&shown)).is_err());
            for wrong in [text, "", &shown[1..], &shown[..shown.len() - 1], &format!("{shown}A")] {
                assert!(cursors.read(Some(wrong)).is_err(), "{wrong}");
            }
        }
        assert_eq!(lengths.len(), 1);
        assert_eq!((cursors.read(None).unwrap(), cursors.shown(None).unwrap()), (None, None));
    }
}
