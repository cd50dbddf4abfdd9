//! Successful answers.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde::Serialize;

pub use super::reply::Reply;
use super::reply::{Next, ReplyBody};
use crate::secret::Plaintext;
use crate::vault::{Departing, Revision};
use crate::wire;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bytes that a peer takes in one frame of HTTP/2, at least (RFC 9113, 4.2).
const LEAST_FRAME: usize = 16 * 1024;
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

fn with(status: StatusCode, kind: Option<HeaderValue>, body: Bytes) -> Reply {
    within(HeaderMap::new(), status, kind, ReplyBody::whole(body))
}

/// In the room of headers that are there already and empty.
fn within(headers: HeaderMap, status: StatusCode, kind: Option<HeaderValue>, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.headers_mut() = headers;
    *reply.status_mut() = status;
    if let Some(kind) = kind {
        reply.headers_mut().insert(CONTENT_TYPE, kind);
    }
    reply
}

/// 200 with a shape that holds nothing secret.
pub fn ok<T: Serialize>(shape: &T) -> Reply {
    with(StatusCode::OK, Some(JSON), wire::write(shape).into())
}

/// 200 with JSON that is written already and holds nothing secret.
pub fn written(text: Vec<u8>) -> Reply {
    with(StatusCode::OK, Some(JSON), text.into())
}

/// The same of the program's own.
pub fn json(text: &'static str) -> Reply {
    with(StatusCode::OK, Some(JSON), Bytes::from_static(text.as_bytes()))
}

/// 201.
pub fn created<T: Serialize>(shape: &T) -> Reply {
    with(StatusCode::CREATED, Some(JSON), wire::write(shape).into())
}

/// 201 with JSON that is written already and holds nothing secret.
pub fn created_json(text: Bytes) -> Reply {
    with(StatusCode::CREATED, Some(JSON), text)
}

/// 200 with a text that holds nothing secret.
pub fn text(kind: &'static str, text: String) -> Reply {
    with(StatusCode::OK, Some(HeaderValue::from_static(kind)), text.into())
}

/// 204.
pub fn deleted() -> Reply {
    with(StatusCode::NO_CONTENT, None, Bytes::new())
}

fn released(body: Plaintext, departing: Departing) -> ReplyBody {
    ReplyBody::released(body.reveal_into_body(departing))
}

/// JSON's. h2 copies the first bytes of a frame into a buffer that it doesn't wipe: those are white space.
fn released_json(body: Plaintext, departing: Departing) -> ReplyBody {
    if !departing.is_copied() {
        return released(body, departing);
    }
    let body = wire::set_apart(&body);
    // The second frame begins somewhere in the value.
    if body.lend(<[u8]>::len) > LEAST_FRAME {
        departing.leaves_a_copy();
    }
    released(body, departing)
}

/// JSON that carries plaintext.
pub fn revealed(status: StatusCode, body: Plaintext, departing: Departing) -> Reply {
    within(HeaderMap::new(), status, Some(JSON), released_json(body, departing))
}

/// A fetch's JSON, with headers that are there already and empty.
pub fn fetched(headers: HeaderMap, body: Plaintext, departing: Departing) -> Reply {
    within(headers, StatusCode::OK, Some(JSON), released_json(body, departing))
}

/// A value's bytes and nothing else.
pub fn fetched_bytes(headers: HeaderMap, body: Plaintext, departing: Departing) -> Reply {
    if departing.is_copied() {
        departing.leaves_a_copy();
    }
    within(headers, StatusCode::OK, Some(BYTES), released(body, departing))
}

/// Server-sent events: the first piece, and what makes the others.
pub fn events(first: Bytes, next: Next) -> Reply {
    let mut reply = Response::new(ReplyBody::events(first, next));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    reply
}

/// Bytes that are no plaintext, as many as there will be.
pub fn pieces(next: Next) -> Reply {
    let mut reply = Response::new(ReplyBody::pieces(next));
    reply.headers_mut().insert(CONTENT_TYPE, BYTES);
    reply
}

/// 304: what the client has is what it would get.
pub fn unchanged() -> Reply {
    with(StatusCode::NOT_MODIFIED, None, Bytes::new())
}

/// The entity tag of a version. Those of the first few, which nearly all are, take no allocation.
fn tag(version: u64) -> HeaderValue {
    const FIRST: [&str; 10] =
        [r#""0""#, r#""1""#, r#""2""#, r#""3""#, r#""4""#, r#""5""#, r#""6""#, r#""7""#, r#""8""#, r#""9""#];
    if let Some(tag) = usize::try_from(version).ok().and_then(|version| FIRST.get(version)) {
        return HeaderValue::from_static(tag);
    }
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(version).as_bytes();
    // A u64 has 20 digits at most.
    let mut tag = [b'"'; 22];
    tag[1..=digits.len()].copy_from_slice(digits);
    HeaderValue::from_bytes(&tag[..digits.len() + 2]).expect("digits and quotes may stand in a header")
}

/// Adds the entity tag of a record's state, for `If-Match`.
pub fn revised(mut reply: Reply, revision: &Revision) -> Reply {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", revision.as_str())) {
        reply.headers_mut().insert(ETAG, value);
    }
    reply
}

/// Adds the entity tag of `version`.
pub fn tagged(mut reply: Reply, version: u64) -> Reply {
    reply.headers_mut().insert(ETAG, tag(version));
    reply
}

/// `application/problem+json`.
pub fn problem(problem: &wire::Problem) -> Reply {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with(status, Some(HeaderValue::from_static("application/problem+json")), wire::write(problem).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_its_tag() {
        for version in (0..120).chain([u64::MAX]) {
            assert_eq!(tag(version), format!("\"{version}\""));
        }
    }
}
