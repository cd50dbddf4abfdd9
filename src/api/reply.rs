//! The body of a response: whole, or made piece by piece: events as they happen, a backup.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};

/// A response; a released value's body is whole, and wipes itself when it has been sent.
pub type Reply = Response<ReplyBody>;

pub enum ReplyBody {
    Whole(Full<Bytes>),
    Events(Box<Events>),
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
    /// Dropped with the last piece.
    held: Vec<Box<dyn Any + Send>>,
}

impl ReplyBody {
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
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
}

impl Default for ReplyBody {
    fn default() -> Self {
        Self::Whole(Full::default())
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
            Self::Whole(body) => {
                let whole = Pin::new(body).poll_frame(context);
                whole.map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Events(events) => {
                events.poll(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Events(events) => events.first.is_none() && events.next.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
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
                Some(Ok(piece))
            }
            Err(broken) => {
                self.next = None;
                Some(Err(broken))
            }
        })
    }
}
