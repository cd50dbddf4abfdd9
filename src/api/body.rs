//! Request bodies: the right kind, bounded, in time, read once.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::wire::{self, MAX_VALUE_BODY};

/// How long a client may take to send the rest of a body that nobody reads.
const TO_SEND_THE_REST: Duration = Duration::from_secs(2);

/// Reads a JSON body of at most `most` bytes. What it held is wiped when it is dropped.
pub async fn json<T: DeserializeOwned>(
    request: &mut Request<Incoming>,
    most: usize,
    patience: Duration,
) -> Result<T, Failure> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Failure::MediaType);
    }
    if request.body().size_hint().lower() > most as u64 {
        return Err(Failure::TooLarge(most));
    }
    let reading = Limited::new(request.body_mut(), most).collect();
    let read = tokio::time::timeout(patience, reading)
        .await
        .map_err(|_| Failure::Malformed("The body took too long."))?;
    let body = read.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Failure::TooLarge(most)
        } else {
            Failure::Malformed("The body ended early or was broken.")
        }
    })?;
    Ok(wire::read(&body.to_bytes())?)
}

/// Bytes beyond which a body, in or out, needs a place of its own.
pub const LARGE: u64 = 64 * 1024;

/// Whether a body may be large, as far as its head tells.
pub fn may_be_large(request: &Request<Incoming>) -> bool {
    request.body().size_hint().upper().is_none_or(|most| most > LARGE)
}

/// Refuses a body where none belongs.
pub fn none(request: &Request<Incoming>) -> Result<(), Failure> {
    if is_over(request) { Ok(()) } else { refused() }
}

/// For a call that has a body and takes none.
pub fn refused<T>() -> Result<T, Failure> {
    Err(Failure::Malformed("This call takes no body."))
}

/// Whether there is no body, or all of it has been read.
pub fn is_over(request: &Request<Incoming>) -> bool {
    request.body().is_end_stream()
}

/// Reads, and drops, what of a body nobody has taken. A peer that is answered before it has sent all of it finds the
/// stream reset or the connection closed, and curl, up to Debian 12's at least, then loses the answer.
pub async fn discard(request: &mut Request<Incoming>) {
    let reading = async {
        let mut left = 2 * MAX_VALUE_BODY;
        while let Some(Ok(frame)) = request.body_mut().frame().await {
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // Whoever takes longer is answered before the end after all.
    let _ = tokio::time::timeout(TO_SEND_THE_REST, reading).await;
}
