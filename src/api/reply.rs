//! The body of a response: whole, or made piece by piece: events as they happen, a backup.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};

/// A response; a released value's body is whole, and wipes itself when it has been sent.
pub type Reply = Response<ReplyBody>;

pub enum ReplyBody {
    /// None: it has been taken, or there is none.
    Whole(Option<Bytes>),
    /// The same, of a value. It counts as under way by itself, until its last byte has left; whether its peer may still
    /// have it is asked once more when it is handed over.
    Released(Option<Bytes>, Option<Warrant>),
    Events(Box<Events>),
}

/// Knows whether what was released to a connection may still be sent there.
pub trait Releases: Send + Sync {
    /// `since`: how often somebody may have lost what was released to him, before this was.
    fn stand(&self, since: u64) -> bool;
}

/// Who is asked, and what of.
pub struct Warrant {
    pub releases: Arc<dyn Releases>,
    pub since: u64,
}

/// Makes one piece, and what makes the next, if there will be one.
pub type Piece = Pin<Box<dyn Future<Output = Result<(Bytes, Option<Next>), BrokenOff>> + Send>>;
pub struct Next(pub Box<dyn FnOnce() -> Piece + Send>);

/// The answer ends in the middle, and its connection with it, so that nobody takes the part for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer was broken off")]
pub struct BrokenOff;

/// Pieces made when the connection has room for them: of one that doesn't read, nothing queues up.
pub struct Events {
    first: Option<Bytes>,
    next: Option<Piece>,
    /// Dropped when the last piece has been taken up.
    held: Vec<Box<dyn Any + Send>>,
}

impl ReplyBody {
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole(some(bytes))
    }

    pub fn released(bytes: Bytes) -> Self {
        Self::Released(some(bytes), None)
    }

    pub fn events(first: Bytes, next: Next) -> Self {
        Self::Events(Box::new(Events { first: Some(first), next: Some((next.0)()), held: Vec::new() }))
    }

    /// A body that is made piece by piece.
    pub fn pieces(next: Next) -> Self {
        Self::Events(Box::new(Events { first: None, next: Some((next.0)()), held: Vec::new() }))
    }

    /// Keeps something until the last event has been sent; where there is none, it is dropped here.
    pub fn hold(&mut self, kept: impl Send + 'static) {
        if let Self::Events(events) = self {
            events.held.push(Box::new(kept));
        }
    }

    /// To be asked before a value is handed over.
    pub fn ask_first(&mut self, warrant: impl FnOnce() -> Warrant) {
        if let Self::Released(Some(_), asked) = self {
            *asked = Some(warrant());
        }
    }

    /// Keeps what is made here until the last byte has left, or its connection is gone. Not for a value, which knows that
    /// by itself, nor where there is no byte.
    pub fn hold_until_taken<K: Send + Sync + 'static>(&mut self, kept: impl FnOnce() -> K) {
        if let Self::Whole(body) = self {
            *body = body.take().map(|bytes| Bytes::from_owner(Untaken { bytes, _kept: kept() }));
        }
    }
}

fn some(bytes: Bytes) -> Option<Bytes> {
    (!bytes.is_empty()).then_some(bytes)
}

/// Dropped when the connection has written it, not when it has taken it up.
struct Untaken<K> {
    bytes: Bytes,
    _kept: K,
}

impl<K> AsRef<[u8]> for Untaken<K> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for ReplyBody {
    fn default() -> Self {
        Self::Whole(None)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Released(body, warrant) => Poll::Ready(body.take().map(|bytes| match warrant.take() {
                // Sealed or revoked since it was opened. Its status may have left: there is nothing more to say.
                Some(Warrant { releases, since }) if !releases.stand(since) => Err(BrokenOff),
                _ => Ok(Frame::data(bytes)),
            })),
            Self::Events(events) => {
                events.poll(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) | Self::Released(body, _) => body.is_none(),
            Self::Events(events) => events.first.is_none() && events.next.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) | Self::Released(body, _) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Events(_) => SizeHint::default(),
        }
    }
}

impl Events {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(making) = self.next.as_mut() else {
            self.held.clear();
            return Poll::Ready(None);
        };
        making.as_mut().poll(context).map(|made| match made {
            Ok((piece, next)) => {
                self.next = next.map(|next| (next.0)());
                let is_last = self.next.is_none() && !piece.is_empty();
                let held = if is_last { std::mem::take(&mut self.held) } else { Vec::new() };
                Some(Ok(if held.is_empty() {
                    piece
                } else {
                    Bytes::from_owner(Untaken { bytes: piece, _kept: held })
                }))
            }
            Err(broken) => {
                self.next = None;
                Some(Err(broken))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As long as nobody has lost anything, all stand; then these.
    struct Told {
        times: u64,
        stands: bool,
    }

    impl Releases for Told {
        fn stand(&self, since: u64) -> bool {
            self.times == since || self.stands
        }
    }

    #[test]
    fn a_value_is_handed_over_to_who_may_still_have_it() {
        let handed = |asked: Option<Told>| {
            let mut body = ReplyBody::released(Bytes::from_static(b"value"));
            if let Some(told) = asked {
                body.ask_first(|| Warrant { releases: Arc::new(told), since: 3 });
            }
            let mut context = Context::from_waker(std::task::Waker::noop());
            let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) else {
                panic!("there is a frame or an end");
            };
            assert!(body.is_end_stream());
            frame.is_ok()
        };
        assert!(handed(None) && handed(Some(Told { times: 3, stands: false })));
        assert!(handed(Some(Told { times: 4, stands: true })));
        assert!(!handed(Some(Told { times: 4, stands: false })));
        for mut other in [ReplyBody::whole(Bytes::from_static(b"a list")), ReplyBody::released(Bytes::new())]
        {
            other.ask_first(|| panic!("nothing is asked for it"));
        }
    }

    #[test]
    fn what_is_made_in_pieces_is_under_way_until_its_last_has_been_taken() {
        let kept = Arc::new(());
        let last = || -> Piece { Box::pin(async { Ok((Bytes::from_static(b"last"), None)) }) };
        let mut body = ReplyBody::pieces(Next(Box::new(last)));
        body.hold(Arc::clone(&kept));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else {
            panic!("there is a frame");
        };
        drop(body);
        assert_eq!(Arc::strong_count(&kept), 2);
        drop(frame);
        assert_eq!(Arc::strong_count(&kept), 1);
    }

    #[test]
    fn what_is_held_goes_with_the_last_byte_and_without_bytes_at_once() {
        let kept = Arc::new(());
        let mut body = ReplyBody::whole(Bytes::from_static(b"refused"));
        body.hold_until_taken(|| Arc::clone(&kept));
        assert_eq!(body.size_hint().exact(), Some(7));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else {
            panic!("there is a frame");
        };
        let mut bytes = frame.into_data().unwrap();
        assert!(body.is_end_stream());
        drop(body);
        let rest = bytes.split_off(3);
        drop(bytes);
        assert_eq!((&rest[..], Arc::strong_count(&kept)), (&b"used"[..], 2));
        drop(rest);
        assert_eq!(Arc::strong_count(&kept), 1);
        for mut other in [ReplyBody::whole(Bytes::new()), ReplyBody::released(Bytes::from_static(b"value"))] {
            other.hold_until_taken(|| panic!("nothing is made for it"));
        }
    }
}
