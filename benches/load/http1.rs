//! HTTP/1.1 with as little as it takes: requests made beforehand, answers read by their length.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::dial::Stream;
use super::target::Target;

/// Header fields of an answer.
const MAX_HEADERS: usize = 64;

/// The bytes of a request for each path of a target.
pub fn requests(target: &Target) -> Vec<Vec<u8>> {
    let mut headers = "host: localhost\r\naccept: application/json\r\n".to_owned();
    for (name, value) in &target.headers {
        headers.push_str(&format!("{name}: {value}\r\n"));
    }
    target.paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\n{headers}\r\n").into_bytes()).collect()
}

pub struct Connection {
    stream: Stream,
    heard: Vec<u8>,
}

impl Connection {
    pub fn new(stream: Stream) -> Self {
        Self { stream, heard: Vec::with_capacity(16 * 1024) }
    }

    /// Sends a request, reads its whole answer and returns the status.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.heard.clear();
        let (status, end) = loop {
            if let Some(head) = head(&self.heard)? {
                break head;
            }
            self.more().await?;
        };
        while self.heard.len() < end {
            self.more().await?;
        }
        if self.heard.len() > end {
            return Err(io::Error::other("an answer is longer than it says"));
        }
        Ok(status)
    }

    /// Ends it as a client should, without waiting for the other side.
    pub async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.heard).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The status, and how long the answer is with its body; None while the head isn't whole.
fn head(bytes: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    match length {
        Some(length) => Ok(Some((status, head + length))),
        None if matches!(status, 204 | 304) => Ok(Some((status, head))),
        None => Err(io::Error::other("an answer doesn't say how long it is")),
    }
}
