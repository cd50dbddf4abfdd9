//! Bytes that come piece by piece: not bounded in number, only in silence. Whoever takes them keeps them.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use super::error::ClientError;

/// How long a daemon that is busy may take to the next piece.
const SILENCE: Duration = Duration::from_secs(60);

/// An answer's body as it comes.
pub struct Download {
    body: Incoming,
    address: String,
}

impl Download {
    pub(super) fn new(body: Incoming, address: String) -> Self {
        Self { body, address }
    }

    /// The next piece; None when the daemon has said that it was all.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = tokio::time::timeout(SILENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| ClientError::Slow {
                address: self.address.clone(),
                seconds: SILENCE.as_secs(),
                what: "go on",
            })?;
            match frame.map(|frame| frame.map(|frame| frame.into_data())) {
                None => return Ok(None),
                Some(Ok(Ok(piece))) => return Ok(Some(piece)),
                // Trailers, which nobody sends.
                Some(Ok(Err(_))) => {}
                Some(Err(_)) => return Err(ClientError::Odd("was broken off; see its log for the cause")),
            }
        }
    }
}
