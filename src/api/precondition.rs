//! `If-Match`: a change only of what was looked at (RFC 9110, 13.1.1).

use hyper::HeaderMap;
use hyper::header::IF_MATCH;

use super::failure::Failure;
use crate::vault::IfMatch;

/// Tags that one request may name.
const MOST_TAGS: usize = 16;

/// Reads the header. A weak tag matches nothing, as the comparison is a strong one.
pub fn if_match(headers: &HeaderMap) -> Result<IfMatch, Failure> {
    const RULE: Failure =
        Failure::Malformed("The header If-Match must be `*` or entity tags in double quotes.");
    let mut tags = Vec::new();
    for value in headers.get_all(IF_MATCH) {
        let text = value.to_str().map_err(|_| RULE)?.trim();
        if text == "*" {
            return Ok(IfMatch::Any);
        }
        let mut rest = text;
        loop {
            let weak = rest.strip_prefix("W/");
            let quoted = weak.unwrap_or(rest).strip_prefix('"').ok_or(RULE)?;
            let (tag, after) = quoted.split_once('"').ok_or(RULE)?;
            if weak.is_none() {
                tags.push(tag.to_owned());
            }
            if tags.len() > MOST_TAGS {
                return Err(RULE);
            }
            rest = match after.trim_start() {
                "" => break,
                more => more.strip_prefix(',').ok_or(RULE)?.trim_start(),
            };
        }
    }
    Ok(if headers.contains_key(IF_MATCH) { IfMatch::OneOf(tags) } else { IfMatch::Any })
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
}
