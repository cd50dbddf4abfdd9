//! What the fuzz targets share. Each target stands in `targets/`, named for its grammar, and asserts more than that
//! nothing panics: a round trip, a model, or what must never come out.

use std::fmt::Debug;
use std::sync::LazyLock;

use fsm_vault::crypto::Argon2Cost;
use fsm_vault::keys::{Header, KeyRing};
use fsm_vault::secret::Plaintext;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A vault that is made when a target starts, another one each time.
static VAULT: LazyLock<(Header, KeyRing)> = LazyLock::new(|| {
    let cheapest = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
    Header::create(&Plaintext::new(b"fuzzing".to_vec()), cheapest).expect("a vault can be made")
});
/// Its keys.
pub static KEYS: LazyLock<&KeyRing> = LazyLock::new(|| &VAULT.1);
/// Its header, as it lies in the store.
pub static HEADER: LazyLock<Vec<u8>> = LazyLock::new(|| VAULT.0.to_bytes());

/// Takes bytes and numbers off the input's front; zeros once it is used up.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    pub fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Up to the next line feed, as text.
    pub fn line(&mut self) -> &'a str {
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let line = self.take(end);
        self.take(1);
        str::from_utf8(line).unwrap_or_default()
    }
}

/// Nothing that could be a value of what a peer sent stands in what it, or a log, is told. A value is a word of eight
/// letters or more with a digit in it: the product's own texts have one such, in an example.
pub fn repeats_nothing(sent: &[u8], told: &impl Debug) {
    let told = format!("{told:?}").replace("suitelet2", "");
    let words = sent.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| word.len() >= 8);
    for word in words.filter(|word| word.iter().any(u8::is_ascii_digit)) {
        let word = str::from_utf8(word).expect("letters and digits");
        assert!(!told.contains(word), "{word} of the input stands in {told}");
    }
}

/// What reads as a `T` is written as what reads as the same again.
pub fn reads_back<T: DeserializeOwned + Serialize>(text: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(text).ok()?;
    let written = serde_json::to_string(&read).expect("it has been read");
    let again: T = serde_json::from_str(&written).expect("what was written reads");
    assert_eq!(serde_json::to_string(&again).expect("it has been read"), written);
    Some(read)
}
