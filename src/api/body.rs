//! Request bodies: the right kind, bounded, in time, read once.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::vault::aside;
use crate::wire::{self, MAX_VALUE_BODY};

/// How long a client may take to send the rest of a body that nobody reads.
const TO_SEND_THE_REST: Duration = Duration::from_secs(2);
/// Bytes that a body gets room for at first, if it may have as many.
const LEAST_ROOM: usize = 4 * 1024;
/// Bytes that an empty object may have, with white space.
const MOST_EMPTY: usize = 64;

const TOO_LATE: Failure = Failure::Malformed("The body took too long.");

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
    let gathering = gather(request.body_mut(), most);
    let body = tokio::time::timeout(patience, gathering).await.map_err(|_| TOO_LATE)??;
    let size = body.len();
    // Given away, so that it is also wiped there.
    Ok(beside(size, move || wire::read(&body)).await?)
}

/// Does work on what a body brought, of so many bytes. A large one's is done beside the other requests, one at a time: however
/// many come, the processors but one are for the others.
pub async fn beside<R>(size: usize, work: impl FnOnce() -> R) -> R {
    static ALONE: Semaphore = Semaphore::const_new(1);
    if size as u64 <= LARGE {
        return work();
    }
    // It is never closed.
    let _turn = ALONE.acquire().await.ok();
    aside(work)
}

/// All of a body, in one piece: what a peer cuts small would be held as many times its size, by all that goes with a frame.
async fn gather<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut gathered = Gathered::new(body.size_hint().exact(), most);
    // Each frame is dropped before the next is asked for, and a peer that fills its window waits until then.
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Malformed("The body ended early or was broken."))?;
        if let Some(data) = frame.data_ref() {
            gathered.add(data)?;
        }
    }
    Ok(gathered.bytes)
}

/// A body as far as it has come. The heap wipes what it outgrows (see the binary).
struct Gathered {
    bytes: Zeroizing<Vec<u8>>,
    /// Bytes that it may have.
    most: usize,
    /// Bytes that it takes, as far as one knows.
    expected: usize,
}

impl Gathered {
    /// Nothing yet. Room is made for what has come: a length is declared for nothing.
    fn new(declared: Option<u64>, most: usize) -> Self {
        let expected =
            declared.and_then(|length| usize::try_from(length).ok()).map_or(most, |length| length.min(most));
        Self { bytes: Zeroizing::new(Vec::new()), most, expected }
    }

    fn add(&mut self, data: &[u8]) -> Result<(), Failure> {
        let wanted = self.bytes.len() + data.len();
        if wanted > self.most {
            return Err(Failure::TooLarge(self.most));
        }
        if wanted > self.bytes.capacity() {
            // Twice as much each time, so that little is copied, but no more than there is to come.
            let room = (2 * self.bytes.capacity()).max(LEAST_ROOM).min(self.expected).max(wanted);
            let come = self.bytes.len();
            self.bytes.reserve_exact(room - come);
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
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

/// Refuses a body where none belongs but an empty JSON object, which some clients send with every POST. Its kind doesn't matter.
pub async fn empty(request: &mut Request<Incoming>, patience: Duration) -> Result<(), Failure> {
    if is_over(request) {
        return Ok(());
    }
    match tokio::time::timeout(patience, gather(request.body_mut(), MOST_EMPTY)).await {
        Ok(Ok(body)) if is_empty(&body) => Ok(()),
        Ok(_) => refused(),
        Err(_) => Err(TOO_LATE),
    }
}

/// Nothing, or a JSON object without members (RFC 8259, sections 2 and 4).
fn is_empty(body: &[u8]) -> bool {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let mut rest = body.iter().copied().filter(|byte| !is_space(byte));
    matches!((rest.next(), rest.next(), rest.next()), (None, ..) | (Some(b'{'), Some(b'}'), None))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::Arc;

    use futures_util::{StreamExt, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    type Pieces = Vec<Result<Frame<Bytes>, &'static str>>;

    /// What becomes of a body in these pieces, of no declared length.
    async fn gathered(pieces: Pieces, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        gather(&mut StreamBody::new(stream::iter(pieces)), most).await
    }

    fn piece(text: &'static str) -> Result<Frame<Bytes>, &'static str> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test]
    async fn pieces_become_one_body_of_at_most_so_many_bytes() {
        let pieces =
            || vec![piece("ab"), piece(""), Ok(Frame::trailers(hyper::HeaderMap::new())), piece("c")];
        assert_eq!(gathered(pieces(), 3).await.unwrap().as_slice(), b"abc");
        assert!(matches!(gathered(pieces(), 2).await, Err(Failure::TooLarge(2))));
        assert!(matches!(gathered(vec![piece("a"), Err("cut")], 3).await, Err(Failure::Malformed(_))));
        assert!(gathered(vec![], 0).await.unwrap().is_empty());
    }

    #[test]
    fn an_empty_object_and_near_misses() {
        for empty in ["", " ", "{}", " {\t\r\n} "] {
            assert!(is_empty(empty.as_bytes()), "{empty}");
        }
        for other in ["{", "}", "}{", "{}{}", "{} x", "[]", "null", "{\"a\":1}", "\u{a0}{}", "{}\0"] {
            assert!(!is_empty(other.as_bytes()), "{other}");
        }
    }

    #[tokio::test]
    async fn no_piece_is_held_once_it_has_come() {
        struct Piece(#[allow(dead_code, reason = "it is counted")] Arc<()>);
        impl AsRef<[u8]> for Piece {
            fn as_ref(&self) -> &[u8] {
                b"a"
            }
        }
        let count = Arc::new(());
        let cut = stream::iter(0..100_000).map(move |_| {
            assert_eq!(Arc::strong_count(&count), 1, "the piece before is still held");
            Ok::<_, Infallible>(Frame::data(Bytes::from_owner(Piece(Arc::clone(&count)))))
        });
        let body = gather(&mut StreamBody::new(cut), MAX_VALUE_BODY).await.unwrap();
        assert_eq!(body.len(), 100_000);
        assert!(body.capacity() < 200_000, "{}", body.capacity());
    }

    #[test]
    fn room_is_made_for_what_has_come_and_no_more_than_can_come() {
        let room = |declared: Option<u64>, come: usize| {
            let mut gathered = Gathered::new(declared, MAX_VALUE_BODY);
            (0..come).for_each(|_| gathered.add(b"a").unwrap());
            gathered.bytes.capacity()
        };
        assert_eq!(room(Some(MAX_VALUE_BODY as u64), 0), 0);
        assert_eq!(room(Some(MAX_VALUE_BODY as u64), 1), LEAST_ROOM);
        assert_eq!(room(None, LEAST_ROOM + 1), 2 * LEAST_ROOM);
        assert_eq!(room(Some(100), 100), 100);
        assert_eq!(room(None, MAX_VALUE_BODY), MAX_VALUE_BODY);
        // A peer that declares less than it sends, which hyper wouldn't let through.
        assert_eq!(room(Some(1), 3), 3);
    }
}
