//! Where in a JSON text an error lies, as a JSON pointer (RFC 6901). serde tells a line and a column alone.
//!
//! The crate serde_path_to_error tells it too, and has the reading of each shape made a second time for that: 0.7 MB of binary.

/// Containers within containers that are told apart: serde_json reads shapes no deeper, and of what is deeper only the
/// outermost are named.
const DEEPEST: usize = 128;

/// The way to a place, as far as it may be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Ends before the first key that doesn't look like a field's name: that may be a value in the wrong place.
    pub pointer: String,
    /// Whether it leads all the way.
    pub is_whole: bool,
}

/// One container on the way, and which of its members.
enum Step<'a> {
    /// Of an object: the last key so far.
    Field(Option<&'a [u8]>),
    Item(usize),
}

impl Place {
    /// Of the value that begins, or of the key or the value that ends, where serde stopped reading: after so many bytes
    /// (`column`) of this line (from 1). What comes before is JSON.
    pub fn of(text: &[u8], line: usize, column: usize) -> Self {
        let begin = text.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len);
        let read = &text[..text.len().min(begin.sum::<usize>() + column)];
        Self::told(&way(read))
    }

    fn told(way: &[Step]) -> Self {
        let mut pointer = String::new();
        for step in way {
            match step {
                Step::Item(at) => pointer.push_str(&format!("/{at}")),
                Step::Field(None) => break,
                Step::Field(Some(key)) => match field_name(key) {
                    Some(name) => pointer.push_str(&format!("/{name}")),
                    None => return Self { pointer, is_whole: false },
                },
            }
        }
        Self { pointer, is_whole: true }
    }
}

/// The containers that are open at the end of what was read.
fn way(read: &[u8]) -> Vec<Step<'_>> {
    let (mut way, mut deeper, mut at) = (Vec::new(), 0_usize, 0);
    while let Some(byte) = read.get(at) {
        let begin = at;
        at += 1;
        match byte {
            b'"' => {
                at += string_length(&read[at..]);
                let text = &read[begin + 1..at];
                if let (0, Some(Step::Field(key @ None))) = (deeper, way.last_mut()) {
                    *key = Some(text.strip_suffix(b"\"").unwrap_or(text));
                }
            }
            b'{' | b'[' if way.len() == DEEPEST => deeper += 1,
            b'{' => way.push(Step::Field(None)),
            b'[' => way.push(Step::Item(0)),
            b'}' | b']' if deeper > 0 => deeper -= 1,
            b'}' | b']' => drop(way.pop()),
            b',' if deeper == 0 => match way.last_mut() {
                Some(Step::Field(key)) => *key = None,
                Some(Step::Item(nth)) => *nth += 1,
                None => {}
            },
            _ => {}
        }
    }
    way
}

/// Bytes up to the end of a string, with its closing quote.
fn string_length(rest: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 1)
}

/// The key, if it looks like a name of a field and not like content.
pub(super) fn field_name(key: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(key).ok().filter(|name| !name.is_empty() && name.len() <= 40)?;
    let letters = name.strip_suffix("_base64").unwrap_or(name);
    letters.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the place marked by `^`.
    fn place(marked: &str) -> (String, bool) {
        let (before, after) = marked.split_once('^').unwrap();
        let (line, column) =
            (before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |end| end + 1));
        let Place { pointer, is_whole } = Place::of(format!("{before}{after}").as_bytes(), line, column);
        (pointer, is_whole)
    }

    #[test]
    fn every_place_has_its_pointer() {
        for (marked, pointer) in [
            ("^[]", ""),
            ("48151623^", ""),
            (r#"{"a":1^}"#, "/a"),
            (r#"{"a": ^{"b":1}}"#, "/a"),
            (r#"{"a":{"b":1}^}"#, "/a"),
            (r#"{"a":{"b":1},"c"^:2}"#, "/c"),
            (r#"{"a":{"b":[1,[2],"x,\"]}"^]}}"#, "/a/b/2"),
            (r#"{"a":"\\","b":[ ^{}]}"#, "/b/0"),
            ("{\"a\":1,\r\n \"b\":\n2^}", "/b"),
            (r#"{"value_base64":1^}"#, "/value_base64"),
            (r#"{"a":{"b":1}}^"#, ""),
        ] {
            assert_eq!(place(marked), (pointer.to_owned(), true), "{marked}");
        }
    }

    #[test]
    fn content_in_the_place_of_a_key_is_not_told() {
        for (marked, pointer) in [
            (r#"{"Hush 48":1^}"#, ""),
            (r#"{"":1^}"#, ""),
            (r#"{"a":{"48":{"b":1^}}}"#, "/a"),
            (r#"{"a\u0062":1^}"#, ""),
        ] {
            assert_eq!(place(marked), (pointer.to_owned(), false), "{marked}");
        }
        assert!(field_name(&[b'a'; 41]).is_none() && field_name(b"_base64").is_some());
    }

    #[test]
    fn what_is_too_deep_is_passed_over() {
        let deep = |depth| format!(r#"{{"a":{}1,"x"{},"b":1^}}"#, "[".repeat(depth), "]".repeat(depth));
        for depth in [1, DEEPEST - 1, DEEPEST, DEEPEST + 1, 100_000] {
            assert_eq!(place(&deep(depth)), ("/b".to_owned(), true), "{depth}");
        }
    }
}
