//! Entity tags that a request names: `If-Match`, a change only of what was looked at (RFC 9110, 13.1.1), and
//! `If-None-Match`, a value only if it is another (13.1.2).

use hyper::HeaderMap;
use hyper::header::{HeaderName, IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

use super::failure::Failure;
use crate::vault::{IfMatch, Known};

/// Tags that one request may name.
const MOST_TAGS: usize = 16;

/// Reads the header. A weak tag matches nothing, as the comparison is a strong one.
pub fn if_match(headers: &HeaderMap) -> Result<IfMatch, Failure> {
    const RULE: Failure =
        Failure::Malformed("The header If-Match must be `*` or entity tags in double quotes.");
    let tags = match named(headers, IF_MATCH).ok_or(RULE)? {
        Named::Any => return Ok(IfMatch::Any),
        Named::Tags(tags) if tags.len() > MOST_TAGS => return Err(RULE),
        Named::Tags(tags) => tags.into_iter().filter(|tag| !tag.is_weak).map(|tag| tag.text.to_owned()),
    };
    Ok(if headers.contains_key(IF_MATCH) { IfMatch::OneOf(tags.collect()) } else { IfMatch::Any })
}

/// Refuses conditions that a change would be made without looking at, so that nobody relies on them.
pub fn refuse_unheeded(headers: &HeaderMap, takes_if_match: bool) -> Result<(), Failure> {
    if headers.contains_key(IF_MATCH) && !takes_if_match {
        return Err(Failure::Malformed(
            "This call takes no If-Match, so that nobody relies on it here. Changes of a secret, an integration or a caller that is \
             there take it.",
        ));
    }
    if headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_UNMODIFIED_SINCE) {
        return Err(Failure::Malformed(
            "A change takes neither If-None-Match nor If-Unmodified-Since, so that nobody relies on them: what changes a secret, an \
             integration or a caller takes If-Match.",
        ));
    }
    Ok(())
}

/// The versions whose tags `If-None-Match` names, compared weakly. A tag that is none of a version's names nothing.
pub fn if_none_match(headers: &HeaderMap) -> Result<Known, Failure> {
    const RULE: Failure = Failure::Malformed(
        "The header If-None-Match must be `*` or entity tags in double quotes, such as \"2\" for version 2.",
    );
    // An empty one says nothing, as one that isn't there.
    if headers.get_all(IF_NONE_MATCH).iter().all(|value| value.is_empty()) {
        return Ok(Known::Present);
    }
    // As it is written in the tags: no sign, no leading zero.
    let version = |tag: Tag<'_>| tag.text.parse::<u64>().ok().filter(|number| number.to_string() == tag.text);
    Ok(match named(headers, IF_NONE_MATCH).ok_or(RULE)? {
        Named::Any => Known::Any,
        Named::Tags(tags) => Known::OneOf(tags.into_iter().filter_map(version).collect()),
    })
}

/// What a header names.
enum Named<'a> {
    Any,
    Tags(Vec<Tag<'a>>),
}

struct Tag<'a> {
    text: &'a str,
    is_weak: bool,
}

/// Reads all lines of the header; none if one of them is malformed.
fn named(headers: &HeaderMap, name: HeaderName) -> Option<Named<'_>> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().ok()?.trim();
        if text == "*" {
            return Some(Named::Any);
        }
        let mut rest = text;
        loop {
            let weak = rest.strip_prefix("W/");
            let quoted = weak.unwrap_or(rest).strip_prefix('"')?;
            let (text, after) = quoted.split_once('"')?;
            tags.push(Tag { text, is_weak: weak.is_some() });
            rest = match after.trim_start() {
                "" => break,
                more => more.strip_prefix(',')?.trim_start(),
            };
        }
    }
    Some(Named::Tags(tags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn read(text: &str) -> Option<IfMatch> {
        let value = HeaderValue::from_str(text).unwrap();
        if_match(&HeaderMap::from_iter([(IF_MATCH, value)])).ok()
    }

    #[test]
    fn tags_and_near_misses() {
        let one_of = |tags: &[&str]| Some(IfMatch::OneOf(tags.iter().map(ToString::to_string).collect()));
        assert_eq!(if_match(&HeaderMap::new()).ok(), Some(IfMatch::Any));
        assert_eq!(read("*"), Some(IfMatch::Any));
        assert_eq!(read("\"a\""), one_of(&["a"]));
        assert_eq!(read("\"a\" , \"b\""), one_of(&["a", "b"]));
        assert_eq!(read("W/\"a\""), one_of(&[]));
        assert_eq!(read("\"a,b\",W/\",\" ,\"\""), one_of(&["a,b", ""]));
        for wrong in ["", "a", "\"a", "\"a\" \"b\"", "\"a\",", &vec!["\"a\""; 20].join(",")] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_condition_is_passed_over() {
        let with = |name: HeaderName| HeaderMap::from_iter([(name, HeaderValue::from_static("*"))]);
        for (name, takes_if_match, fine) in [
            (IF_MATCH, true, true),
            (IF_MATCH, false, false),
            (IF_NONE_MATCH, true, false),
            (IF_UNMODIFIED_SINCE, true, false),
        ] {
            assert_eq!(refuse_unheeded(&with(name.clone()), takes_if_match).is_ok(), fine, "{name}");
        }
        assert!(refuse_unheeded(&HeaderMap::new(), false).is_ok());
    }

    #[test]
    fn versions_and_near_misses() {
        let read = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            if_none_match(&HeaderMap::from_iter([(IF_NONE_MATCH, value)])).ok()
        };
        let one_of = |versions: &[u64]| Some(Known::OneOf(versions.to_vec()));
        assert_eq!(if_none_match(&HeaderMap::new()).ok(), Some(Known::Present));
        assert_eq!(read("*"), Some(Known::Any));
        assert_eq!(read("\"2\""), one_of(&[2]));
        assert_eq!(read("W/\"2\" ,\"3\""), one_of(&[2, 3]));
        assert_eq!(read("\"02\", \"+2\", \"x\", \"\""), one_of(&[]));
        assert_eq!(read(&vec!["\"2\""; 20].join(",")), one_of(&[2; 20]));
        assert_eq!(read(""), Some(Known::Present));
        for wrong in ["2", "\"2", "'2'", "\"2\" \"3\"", "\"2\","] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
