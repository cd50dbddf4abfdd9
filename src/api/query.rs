//! Query parameters: each known, each given once.

use std::borrow::Cow;
use std::str::FromStr;

use super::failure::Failure;

/// Entries on a page unless `limit` says otherwise, and at most.
pub const USUAL: usize = 100;
pub const MOST: usize = 1000;

/// A request's parameters, decoded.
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Reads `text`, the part after `?`; anything not in `known`, or given twice, is refused.
    pub fn read(text: Option<&'a str>, known: &[&str]) -> Result<Self, Failure> {
        let Some(text) = text else { return Ok(Self(Vec::new())) };
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
        for (at, (name, value)) in pairs.iter().enumerate() {
            if !known.contains(&&**name) {
                let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                // It may be anything: only what looks like a name is repeated.
                let plain =
                    name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                let pointer = if plain { format!("?{name}") } else { "?".to_owned() };
                return Err(Failure::invalid(
                    pointer,
                    format!("is no parameter here; this call takes {takes}"),
                ));
            }
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Failure::invalid(format!("?{name}"), "is given twice"));
            }
            if !value.is_ascii() && value.contains('\u{fffd}') {
                return Err(Failure::invalid(format!("?{name}"), "is no UTF-8 text"));
            }
        }
        Ok(Self(pairs))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(each, _)| each == name).map(|(_, value)| &**value)
    }

    /// A parameter of a type, if it is given.
    pub fn optional<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let parsed = self.text(name).map(str::parse).transpose();
        parsed.map_err(|why: T::Err| Failure::invalid(format!("?{name}"), why))
    }

    /// `limit`, from 1 to 1000, 100 unless given.
    pub fn limit(&self) -> Result<usize, Failure> {
        let rule = || Failure::invalid("?limit", format!("is no number from 1 to {MOST}"));
        match self.text("limit") {
            None => Ok(USUAL),
            Some(text) if text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(rule)
            }
            Some(_) => Err(rule()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_once_and_decoded() {
        let query =
            Query::read(Some("domain=a.example&employee=Larry%20N"), &["domain", "employee"]).ok().unwrap();
        assert_eq!(query.text("employee"), Some("Larry N"));
        assert_eq!(query.limit().ok(), Some(100));
        for wrong in ["surplus=1", "domain=a&domain=b", "domain=%ff", "Domain=a", "&surplus"] {
            assert!(Query::read(Some(wrong), &["domain"]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_are_numbers_in_bounds() {
        for (text, expected) in [
            ("limit=1", Some(1)),
            ("limit=1000", Some(1000)),
            ("limit=0", None),
            ("limit=1001", None),
            ("limit=+5", None),
            ("limit=", None),
        ] {
            assert_eq!(
                Query::read(Some(text), &["limit"]).and_then(|query| query.limit()).ok(),
                expected,
                "{text}"
            );
        }
    }
}
