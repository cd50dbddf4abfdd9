//! The bodies that carry plaintext out: a value, a pair, a pair that was issued, a caller's new key.
//! Written by hand into a buffer that wipes itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::callers::CallerView;
use crate::model::{Encoding, SecretId, Standing};
use crate::secret::Plaintext;

/// A value, as a client reads it.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct ValueRead {
    #[schema(value_type = SecretId)]
    pub id: String,
    #[schema(minimum = 1)]
    pub version: u64,
    #[schema(value_type = String)]
    pub value: Plaintext,
    pub encoding: Encoding,
    #[schema(value_type = Standing)]
    pub state: String,
}

/// A pair, as a client reads it.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct PairRead {
    #[schema(value_type = String)]
    pub client_id: Plaintext,
    /// None: a public client's.
    #[schema(required, value_type = Option<String>)]
    pub client_secret: Option<Plaintext>,
    #[schema(minimum = 1)]
    pub version: u64,
}

/// Of an answer, the pair that was issued with it.
#[derive(Deserialize)]
pub struct Issued {
    #[serde(default, deserialize_with = "super::json::optional_object")]
    pub credentials: Option<IssuedRead>,
}

#[derive(Deserialize, utoipa::ToSchema)]
pub struct IssuedRead {
    #[schema(value_type = String)]
    pub client_id: Plaintext,
    #[schema(required, value_type = Option<String>)]
    pub client_secret: Option<Plaintext>,
}

impl ValueRead {
    /// The value's bytes. None if the daemon sent base64 that isn't.
    pub fn into_bytes(self) -> Option<Plaintext> {
        match self.encoding {
            Encoding::Utf8 => Some(self.value),
            Encoding::Base64 => self.value.lend(|text| STANDARD.decode(text)).ok().map(Plaintext::new),
        }
    }
}

/// `{"id","version","value","encoding","state"}`.
pub fn value_body(
    id: &str,
    version: u64,
    value: &Plaintext,
    encoding: Encoding,
    state: Standing,
) -> Plaintext {
    let mut out = Body::with_room_for(value);
    out.push(br#"{"id":"#);
    out.string(id.as_bytes());
    out.push(br#","version":"#);
    out.push(itoa::Buffer::new().format(version).as_bytes());
    out.push(br#","value":"#);
    out.value(value, encoding);
    out.push(match encoding {
        Encoding::Utf8 => br#","encoding":"utf-8","state":"#.as_slice(),
        Encoding::Base64 => br#","encoding":"base64","state":"#,
    });
    out.push(match state {
        Standing::Pending => br#""pending"}"#.as_slice(),
        Standing::Current => br#""current"}"#,
        Standing::Previous => br#""previous"}"#,
        Standing::Retired => br#""retired"}"#,
    });
    out.end()
}

/// `{"client_id","client_secret","version"}`. A pair's halves are text: capture refuses anything else.
/// A public client's has `null` in the place of its client secret.
pub fn pair_body(client_id: &Plaintext, client_secret: Option<&Plaintext>, version: u64) -> Plaintext {
    let mut out = Body::with_room_for(client_secret.unwrap_or(client_id));
    out.push(b"{");
    out.pair(client_id, client_secret);
    out.push(br#","version":"#);
    out.push(itoa::Buffer::new().format(version).as_bytes());
    out.push(b"}");
    out.end()
}

/// What a shape says, and `"credentials":{"client_id","client_secret"}` as its last member.
pub fn issued_body<T: Serialize>(
    shape: &T,
    client_id: &Plaintext,
    client_secret: Option<&Plaintext>,
) -> Plaintext {
    let shape = super::json::write(shape);
    let mut out = Body(Zeroizing::new(Vec::with_capacity(shape.len() + 1024)));
    out.push(shape.strip_suffix(b"}").unwrap_or(&shape));
    out.push(br#","credentials":{"#);
    out.pair(client_id, client_secret);
    out.push(b"}}");
    out.end()
}

/// `{"caller","certificate","private_key","ca"}`.
pub fn enrolled_body(
    caller: &CallerView,
    certificate: Option<&str>,
    key: Option<&Plaintext>,
    ca: &str,
) -> Plaintext {
    let mut out = Body(Zeroizing::new(Vec::with_capacity(8 * 1024)));
    out.push(br#"{"caller":"#);
    out.push(&super::json::write(caller));
    out.push(br#","certificate":"#);
    match certificate {
        Some(pem) => out.string(pem.as_bytes()),
        None => out.push(b"null"),
    }
    out.push(br#","private_key":"#);
    match key {
        Some(pem) => out.value(pem, Encoding::Utf8),
        None => out.push(b"null"),
    }
    out.push(br#","ca":"#);
    out.string(ca.as_bytes());
    out.push(b"}");
    out.end()
}

/// What h2 copies of a frame at most, 256 bytes with the frame's own head, and one for the brace.
const APART: usize = 256;

/// The same object, the first member a little apart from its brace.
pub fn set_apart(body: &Plaintext) -> Plaintext {
    body.lend(|body| {
        let mut out = Body(Zeroizing::new(Vec::with_capacity(body.len() + APART)));
        let (brace, rest) = body.split_at(body.len().min(1));
        out.push(brace);
        out.push(&[b' '; APART]);
        out.push(rest);
        out.end()
    })
}

struct Body(Zeroizing<Vec<u8>>);

impl Body {
    fn with_room_for(value: &Plaintext) -> Self {
        // Base64 is the longest usual form; a value full of escapes makes the buffer grow, which wipes too.
        Self(Zeroizing::new(Vec::with_capacity(value.lend(|bytes| bytes.len() * 4 / 3) + 256)))
    }

    fn push(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }

    /// The members of a pair.
    fn pair(&mut self, client_id: &Plaintext, client_secret: Option<&Plaintext>) {
        self.push(br#""client_id":"#);
        self.value(client_id, Encoding::Utf8);
        self.push(br#","client_secret":"#);
        match client_secret {
            Some(secret) => self.value(secret, Encoding::Utf8),
            None => self.push(b"null"),
        }
    }

    fn value(&mut self, value: &Plaintext, encoding: Encoding) {
        value.lend(|bytes| match encoding {
            Encoding::Utf8 => self.string(bytes),
            Encoding::Base64 => {
                let text = Zeroizing::new(STANDARD.encode(bytes));
                self.string(text.as_bytes());
            }
        });
    }

    /// A JSON string (RFC 8259, section 7). The bytes are UTF-8; only `"`, `\` and controls are escaped.
    fn string(&mut self, text: &[u8]) {
        self.0.push(b'"');
        let escaped = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        // Without an early end, so that many bytes are looked at at a time.
        if !text.iter().fold(false, |any, byte| any | escaped(byte)) {
            self.0.extend_from_slice(text);
            self.0.push(b'"');
            return;
        }
        for &byte in text {
            match byte {
                b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.0.extend_from_slice(b"\\n"),
                b'\r' => self.0.extend_from_slice(b"\\r"),
                b'\t' => self.0.extend_from_slice(b"\\t"),
                0..=0x1f => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.0.extend_from_slice(b"\\u00");
                    self.0.push(HEX[usize::from(byte >> 4)]);
                    self.0.push(HEX[usize::from(byte & 15)]);
                }
                _ => self.0.push(byte),
            }
        }
        self.0.push(b'"');
    }

    fn end(self) -> Plaintext {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_client_reads_what_was_sealed(value: Vec<u8>, version: u64) {
            let encoding = if std::str::from_utf8(&value).is_ok() { Encoding::Utf8 } else { Encoding::Base64 };
            let body = value_body("custsecret_x", version, &Plaintext::new(value.clone()), encoding, Standing::Current);
            let read: ValueRead = body.lend(|bytes| serde_json::from_slice(bytes)).unwrap();
            prop_assert_eq!(read.version, version);
            prop_assert_eq!(read.state.as_str(), "current");
            prop_assert!(read.into_bytes().unwrap().same_as(&Plaintext::new(value)));
        }

        #[test]
        fn a_pair_reads_back(id: String, secret: Option<String>) {
            let plain = |text: &String| Plaintext::new(text.clone().into_bytes());
            let same = |one: &Option<Plaintext>, other: &Option<Plaintext>| match (one, other) {
                (Some(one), Some(other)) => one.same_as(other),
                (one, other) => one.is_none() && other.is_none(),
            };
            let (id, secret) = (plain(&id), secret.as_ref().map(plain));
            let body = pair_body(&id, secret.as_ref(), 3);
            let apart = set_apart(&body);
            let blank = apart.lend(|bytes| bytes[0] == b'{' && bytes[1..].iter().take(APART).all(|byte| *byte == b' '));
            prop_assert!(blank);
            let read: PairRead = apart.lend(|bytes| serde_json::from_slice(bytes)).unwrap();
            prop_assert!(read.client_id.same_as(&id) && same(&read.client_secret, &secret));
            let body = issued_body(&serde_json::json!({"version": 3}), &id, secret.as_ref());
            let read: Issued = body.lend(|bytes| serde_json::from_slice(bytes)).unwrap();
            let issued = read.credentials.unwrap();
            prop_assert!(issued.client_id.same_as(&id) && same(&issued.client_secret, &secret));
        }
    }
}
