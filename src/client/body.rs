//! Request bodies that may carry plaintext: built by hand in a buffer that wipes itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::secret::Plaintext;

/// A JSON object under construction.
pub struct Body(Zeroizing<Vec<u8>>);

/// Bytes that are no UTF-8, where only text can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no UTF-8 text")]
pub struct NotText;

impl Default for Body {
    fn default() -> Self {
        Self::with_room(256)
    }
}

impl Body {
    /// With room for values of that many bytes, so that growing leaves few copies behind (each is wiped).
    pub fn with_room(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(bytes)))
    }

    /// A field that holds nothing secret.
    pub fn field(mut self, name: &str, value: &impl Serialize) -> Self {
        self.name(name);
        self.0.extend_from_slice(&crate::wire::write(value));
        self
    }

    /// A secret that must be text.
    pub fn secret(mut self, name: &str, secret: &Plaintext) -> Result<Self, NotText> {
        self.name(name);
        secret.lend(|bytes| std::str::from_utf8(bytes).map(|text| self.string(text))).map_err(|_| NotText)?;
        Ok(self)
    }

    /// A value as `value`, or as `value_base64` if it is no text.
    pub fn value(mut self, value: &Plaintext) -> Self {
        value.lend(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.name("value");
                self.string(text);
            }
            Err(_) => {
                self.name("value_base64");
                self.string(&Zeroizing::new(STANDARD.encode(bytes)));
            }
        });
        self
    }

    /// A list of secrets that must be text.
    pub fn secrets(mut self, name: &str, secrets: &[Plaintext]) -> Result<Self, NotText> {
        self.name(name);
        self.0.push(b'[');
        for (place, secret) in secrets.iter().enumerate() {
            if place > 0 {
                self.0.push(b',');
            }
            secret
                .lend(|bytes| std::str::from_utf8(bytes).map(|text| self.string(text)))
                .map_err(|_| NotText)?;
        }
        self.0.push(b']');
        Ok(self)
    }

    pub fn object(mut self, name: &str, inner: Self) -> Self {
        self.name(name);
        inner.end().lend(|bytes| self.0.extend_from_slice(bytes));
        self
    }

    /// A list of objects that were built before.
    pub fn list(mut self, name: &str, objects: Vec<Plaintext>) -> Self {
        self.name(name);
        self.0.push(b'[');
        for (place, object) in objects.into_iter().enumerate() {
            if place > 0 {
                self.0.push(b',');
            }
            object.lend(|bytes| self.0.extend_from_slice(bytes));
        }
        self.0.push(b']');
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn end(mut self) -> Plaintext {
        if self.0.is_empty() {
            self.0.push(b'{');
        }
        self.0.push(b'}');
        self.0.into()
    }

    fn name(&mut self, name: &str) {
        let first = self.0.is_empty();
        self.0.push(if first { b'{' } else { b',' });
        self.string(name);
        self.0.push(b':');
    }

    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut *self.0, text)
            .expect("a vector takes all, and a string has no failing serialiser");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(Body: std::fmt::Debug, Clone, Serialize);

    fn plain(bytes: &[u8]) -> Plaintext {
        Plaintext::new(bytes.to_vec())
    }

    fn shown(body: Body) -> String {
        body.end().lend(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn bodies_are_json() {
        assert_eq!(shown(Body::default()), "{}");
        let pair = Body::default().secret("client_id", &plain(b"a\"\n")).unwrap();
        let body = Body::default().field("name", &"fsm").field("uris", &["x"]).object("credentials", pair);
        assert_eq!(shown(body), r#"{"name":"fsm","uris":["x"],"credentials":{"client_id":"a\"\n"}}"#);
    }

    #[test]
    fn lists_hold_objects() {
        let one = || Body::default().field("a", &1).end();
        assert_eq!(shown(Body::default().list("x", vec![one(), one()])), r#"{"x":[{"a":1},{"a":1}]}"#);
        assert_eq!(shown(Body::default().list("x", Vec::new())), r#"{"x":[]}"#);
    }

    #[test]
    fn lists_of_secrets_are_json_too() {
        let some = [plain(b"a"), plain(b"b\"")];
        assert_eq!(shown(Body::default().secrets("x", &some).unwrap()), r#"{"x":["a","b\""]}"#);
        assert_eq!(shown(Body::default().secrets("x", &[]).unwrap()), r#"{"x":[]}"#);
        assert_eq!(Body::default().secrets("x", &[plain(b"\xff")]).err(), Some(NotText));
    }

    #[test]
    fn a_value_that_is_no_text_is_encoded() {
        assert_eq!(shown(Body::default().value(&plain("ä".as_bytes()))), "{\"value\":\"ä\"}");
        assert_eq!(shown(Body::default().value(&plain(b"\xff"))), r#"{"value_base64":"/w=="}"#);
        assert_eq!(Body::default().secret("x", &plain(b"\xff")).err(), Some(NotText));
    }
}
