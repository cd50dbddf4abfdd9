//! Lists in what people write: how many entries each takes, and how they are read without holding what is too many.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Scripts, domains or employees in restrictions; a bound on what a decision may cost.
pub const MAX_RULES: usize = 1000;
/// More than NetSuite's page has room for.
pub const MAX_REDIRECT_URIS: usize = 20;
pub const MAX_SCOPES: usize = 10;
pub const MAX_ACCOUNTS: usize = 100;
pub const MAX_OWNERS: usize = 100;

/// A list as it was read. One that has more than `MOST` entries has one more than that here, by which whoever checks it
/// knows; the others were skipped.
pub struct AtMost<T, const MOST: usize>(pub Vec<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for AtMost<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Entries<T, MOST> {
            type Value = AtMost<T, MOST>;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while kept.len() <= MOST {
                    match list.next_element()? {
                        Some(entry) => kept.push(entry),
                        None => return Ok(AtMost(kept)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(AtMost(kept))
            }
        }
        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

/// For fields: `#[serde(deserialize_with = "at_most::<MOST, _, _>")]`.
pub fn at_most<'de, const MOST: usize, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    AtMost::<T, MOST>::deserialize(deserializer).map(|AtMost(list)| list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, serde_json::Error> {
        serde_json::from_str::<AtMost<String, 2>>(text).map(|AtMost(list)| list)
    }

    #[test]
    fn one_too_many_is_kept_and_no_more() {
        assert_eq!(read("[]").unwrap(), Vec::<String>::new());
        assert_eq!(read(r#"["a","b"]"#).unwrap(), ["a", "b"]);
        for more in [r#"["a","b","c"]"#, r#"["a","b","c","d"]"#, r#"["a","b","c",["d",{}],5]"#] {
            assert_eq!(read(more).unwrap(), ["a", "b", "c"], "{more}");
        }
        let many = serde_json::to_string(&vec!["a"; 100_000]).unwrap();
        assert_eq!(read(&many).unwrap().capacity(), 4);
    }

    #[test]
    fn what_is_no_list_of_them_is_refused() {
        for wrong in ["{}", "null", r#""a""#, r#"["a",1]"#, r#"["a","b","c",}"#, r#"["a","b","c""#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
