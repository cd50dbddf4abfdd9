//! Reading and writing JSON without repeating what a peer sent.

use std::io;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};

use super::place::{Place, field_name};
use crate::model::{AtMost, FieldError};

/// Bytes of a request body, unless it carries a value.
pub const MAX_BODY: usize = 64 * 1024;
/// Bytes of a request body that carries a value: 1,000,000 four-byte characters fit, with room for escapes.
pub const MAX_VALUE_BODY: usize = 8 * 1024 * 1024;

/// Why a body can't be read. Names fields and positions, never values.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not JSON, not UTF-8, or nested deeper than 128.
    Malformed(String),
    /// JSON of another shape.
    Shape(FieldError),
}

/// Reads a body. serde's own texts quote what they found, so only their safe beginnings are passed on.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice::<Object<T>>(body).map(|Object(shape)| shape).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        if error.is_data() {
            let wrong = misshapen(body, &error);
            Unreadable::Shape(FieldError::new(wrong.pointer, format!("{} ({place})", wrong.detail)))
        } else {
            Unreadable::Malformed(format!("the body is no valid JSON at {place}"))
        }
    })
}

/// The same for an object that lies in a body: in which line of that isn't known here, so fields alone are told.
pub fn read_part<T: DeserializeOwned>(part: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice::<Object<T>>(part).map(|Object(shape)| shape).map_err(|error| {
        if error.is_data() {
            Unreadable::Shape(misshapen(part, &error))
        } else {
            Unreadable::Malformed("is no valid JSON, or nested too deeply".to_owned())
        }
    })
}

fn misshapen(text: &[u8], error: &serde_json::Error) -> FieldError {
    let Place { pointer, is_whole } = Place::of(text, error.line(), error.column());
    let told = error.to_string();
    if let Some(field) = told.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        let field = field_name(field.as_bytes()).unwrap_or_default();
        return FieldError::new(format!("{pointer}/{field}"), "is missing");
    }
    let detail = match (told.split(" `").next(), is_whole) {
        (Some("unknown field"), true) => "is no known field",
        (Some("unknown field"), false) => "has a field that isn't known",
        (Some("duplicate field"), true) => "is given twice",
        (Some("duplicate field"), false) => "has a field twice",
        _ => "has a value of the wrong type",
    };
    FieldError::new(pointer, detail)
}

/// A shape that is written as an object. Derived `Deserialize`s alone would take an array of the fields too.
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// For fields that hold a shape of their own: `#[serde(deserialize_with = "object")]`.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Map<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
        type Value = T;

        fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Map(PhantomData))
}

/// The same for a field that may be null or left out; with `#[serde(default)]`.
pub(super) fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(shape)| shape))
}

/// For a field that may be left out (it stays as it is) or null (it is cleared); with `#[serde(default)]`.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// The same for a list of which no more is held than it takes to see that it has more than `MOST` entries.
pub(super) fn nullable_list<'de, const MOST: usize, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<Vec<T>>>, D::Error> {
    Ok(Some(Option::<AtMost<T, MOST>>::deserialize(deserializer)?.map(|AtMost(list)| list)))
}

/// For a field that is one of some words: null is of the wrong type, as a number is, and not bad JSON, as serde has it.
pub(super) fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Word<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Word<T> {
        type Value = T;

        fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
            out.write_str("a word")
        }

        // Here, where it is known at which field this is.
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            T::deserialize(text.to_owned().into_deserializer())
        }
    }
    deserializer.deserialize_str(Word(PhantomData))
}

/// The same for one that may be left out; with `#[serde(default)]`.
pub(super) fn given_word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    word(deserializer).map(Some)
}

/// For a field that may be left out, and may not be null; with `#[serde(default)]`.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The same for a list of which no more is held than it takes to see that it has more than `MOST` entries.
pub(super) fn given_list<'de, const MOST: usize, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    AtMost::<T, MOST>::deserialize(deserializer).map(|AtMost(list)| Some(list))
}

/// The same for a field that holds a shape of its own.
pub(super) fn given_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    object(deserializer).map(Some)
}

/// Writes a shape that holds nothing secret.
pub fn write<T: Serialize>(shape: &T) -> Vec<u8> {
    serde_json::to_vec(shape).expect("the shapes of this room have string keys and no failing serialiser")
}

/// The same after what is there already.
pub fn append<T: Serialize>(shape: &T, text: &mut Vec<u8>) {
    serde_json::to_writer(text, shape).expect("as above, and memory takes whatever is written to it");
}

/// The same as [`write`]; None if it would have more than `most` bytes, of which no more are made.
pub fn write_within<T: Serialize>(shape: &T, most: usize) -> Option<Vec<u8>> {
    let mut bounded = Bounded { text: Vec::new(), most };
    serde_json::to_writer(&mut bounded, shape).is_ok().then_some(bounded.text)
}

struct Bounded {
    text: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.most - self.text.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bounded_is_whole_or_not_there() {
        let shape = ["a", "bc"];
        let whole = write(&shape);
        assert_eq!(write_within(&shape, whole.len()), Some(whole.clone()));
        assert_eq!(write_within(&shape, whole.len() - 1), None);
        let mut text = b"before ".to_vec();
        append(&shape, &mut text);
        assert_eq!(text, [b"before ".as_slice(), &whole].concat());
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        #[allow(dead_code, reason = "only its shape matters here")]
        name: String,
        #[serde(default, deserialize_with = "optional_object")]
        #[allow(dead_code, reason = "the same")]
        inner: Option<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code, reason = "the same")]
        name: String,
        #[serde(default)]
        #[allow(dead_code, reason = "the same")]
        many: Vec<String>,
    }

    #[test]
    fn what_is_part_of_a_body_has_its_fields_told_alone() {
        let told = |part: &str| match read_part::<Form>(part.as_bytes()) {
            Err(Unreadable::Shape(FieldError { pointer, detail })) => format!("{pointer} {detail}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(r#"{"name":1}"#), "/name has a value of the wrong type");
        assert_eq!(told(r#"{"inner":{"Hush 1":1}}"#), "/inner has a field that isn't known");
        assert_eq!(told(r#"{"surplus":1}"#), "/surplus is no known field");
        let whole = read::<Form>(b"{\n\"name\":1}").unwrap_err();
        let expected = FieldError::new("/name", "has a value of the wrong type (line 2, column 8)");
        assert_eq!(whole, Unreadable::Shape(expected));
    }

    #[test]
    fn tells_where_and_never_what() {
        let shape = |body: &str| match read::<Form>(body.as_bytes()) {
            Err(Unreadable::Shape(field)) => field.pointer,
            other => panic!("{other:?}"),
        };
        assert_eq!(shape(r#"{"name":"a","surplus":1}"#), "/surplus");
        assert_eq!(shape("{}"), "/name");
        assert_eq!(shape(r#"{"name":"a","name":"b"}"#), "/name");
        assert_eq!(shape(r#"{"name":1}"#), "/name");
        assert_eq!(shape(r#"{"inner":{"name":"a","many":["1",[]]}}"#), "/inner/many/1");
        assert_eq!(shape(r#"{"inner":{"name":"a","surplus":1}}"#), "/inner/surplus");
        assert_eq!(shape(r#"{"inner":{"many":[]}}"#), "/inner/name");
        assert_eq!(shape(r#"{"inner":["a",[]]}"#), "/inner");
        for body in
            [r#"{"name":48151623}"#, r#"{"48151623 Xy":"a"}"#, r#"["48151623"]"#, r#""48151623""#, "48151623"]
        {
            let error = read::<Form>(body.as_bytes()).unwrap_err();
            assert!(!format!("{error:?}").contains("48151623"), "{error:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read::<Form>(deep.as_bytes()).is_err());
        for body in ["", "{", "nope", "{\"name\":\"\u{1}\"}", r#"{"name":"a"} x"#] {
            assert!(matches!(read::<Form>(body.as_bytes()), Err(Unreadable::Malformed(_))), "{body:.20}");
        }
        assert!(matches!(read::<Form>(b"{\"name\":\"\xff\"}"), Err(Unreadable::Malformed(_))));
    }
}
