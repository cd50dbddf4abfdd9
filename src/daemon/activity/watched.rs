//! A connection's stream, which tells its [`Activity`] what comes and goes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::frames::Frames;
use super::Activity;

/// What a stream asks before something leaves, and tells when all of it has.
pub trait Outlet {
    /// Whether anything may leave. If not, the connection breaks.
    fn is_open(&self) -> bool {
        true
    }

    fn flushed(&self);
}

impl<F: Fn()> Outlet for F {
    fn flushed(&self) {
        self();
    }
}

/// A stream that tells when it hears something, and when all that it was given has left.
pub struct Watched<S, F> {
    pub(super) stream: S,
    activity: Arc<Activity>,
    /// Over HTTP/2.
    frames: Option<Frames>,
    outlet: F,
    /// Reads since there was nothing to read.
    unbroken: u32,
}

/// So often a connection reads without a break; then others get their turn. A peer that sends many small frames would
/// else keep a thread for as long as it sends: what lies decrypted doesn't count for tokio, which looks at sockets.
pub(super) const UNBROKEN: u32 = 8;

impl<S, F: Outlet> Watched<S, F> {
    pub fn new(stream: S, activity: Arc<Activity>, http2: bool, outlet: F) -> Self {
        Self { stream, activity, frames: http2.then(Frames::new), outlet, unbroken: 0 }
    }

    /// Asked before TLS is given anything to do: whatever that is, it may write what it still holds.
    fn refuse_shut(&self) -> io::Result<()> {
        if self.outlet.is_open() { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }

    fn leaves(&self) -> io::Result<()> {
        self.refuse_shut()?;
        self.activity.unflushed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl<S: AsyncRead + Unpin, F: Outlet + Unpin> AsyncRead for Watched<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unbroken == UNBROKEN {
            self.unbroken = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.refuse_shut()?;
        let before = buffer.filled().len();
        let Self { stream, activity, frames, unbroken, .. } = &mut *self;
        let read = Pin::new(stream).poll_read(cx, buffer);
        *unbroken = if read.is_ready() { *unbroken + 1 } else { 0 };
        let bearable = match (&buffer.filled()[before..], frames) {
            ([], _) => true,
            (heard, Some(frames)) => activity.heard_frames(frames, heard),
            (_, None) => {
                activity.heard();
                true
            }
        };
        if bearable { read } else { Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())) }
    }
}

impl<S: AsyncWrite + Unpin, F: Outlet + Unpin> AsyncWrite for Watched<S, F> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.leaves()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.leaves()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.refuse_shut()?;
        // hyper flushes when it has handed over all that it holds, and TLS when the kernel has all of that.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.activity.unflushed.store(false, Ordering::Relaxed);
            self.outlet.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.refuse_shut()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
