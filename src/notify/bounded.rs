//! A stream that fails once the other side has said more than a mail server has to say.
//!
//! lettre parses an answer anew with each of its lines, and reads a line until it ends: a greeting of 100 kB in short lines costs it
//! seconds, one without an end all the memory there is. So the bound is on what reaches it. It is on the text that it reads, under TLS
//! too, and for one conversation, which has one mail: real servers say some 30 lines, less than 2 KiB.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) const BYTES: usize = 16 * 1024;
/// So many in one answer are parsed in a millisecond or two.
pub(super) const LINES: usize = 200;

/// The cause of the failed read.
#[derive(Debug, thiserror::Error)]
#[error("more than {BYTES} bytes or {LINES} lines")]
pub(super) struct TooMuch;

#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    /// What is read before anything of the stream.
    ahead: &'static [u8],
    bytes_left: usize,
    lines_left: usize,
}

impl<S> Bounded<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, ahead: b"", bytes_left: BYTES, lines_left: LINES }
    }

    /// For a conversation that goes on: lettre begins each with a greeting, and a server says none after STARTTLS.
    pub fn greeted(stream: S) -> Self {
        Self { ahead: b"220 TLS\r\n", ..Self::new(stream) }
    }

    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context, into: &mut ReadBuf) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let (now, later) = this.ahead.split_at(this.ahead.len().min(into.remaining()));
            into.put_slice(now);
            this.ahead = later;
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        let said = &into.filled()[before..];
        let lines = said.iter().filter(|byte| **byte == b'\n').count();
        let left = this.bytes_left.checked_sub(said.len()).zip(this.lines_left.checked_sub(lines));
        (this.bytes_left, this.lines_left) = left.unwrap_or_default();
        if left.is_none() {
            into.set_filled(before);
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<S> AsyncTokioStream for Bounded<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug,
{
    /// lettre asks for it only where it is asked itself.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
