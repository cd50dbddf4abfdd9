//! Server-sent events (WHATWG HTML, 9.2) from a response that doesn't end: bounded in size, and in silence.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::error::ClientError;

/// The daemon gives a sign of life every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of one event.
const MAX_EVENT: usize = 64 * 1024;

/// One event. Its texts are the daemon's, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: String,
}

/// Events as they come.
pub struct Events {
    body: Incoming,
    address: String,
    reader: Reader,
}

/// Puts events together from bytes that come in any pieces.
#[derive(Default)]
pub(super) struct Reader {
    /// What came of the events that aren't whole yet.
    pub(super) rest: Vec<u8>,
}

impl Events {
    pub(super) fn new(body: Incoming, address: String) -> Self {
        Self { body, address, reader: Reader::default() }
    }

    /// The next event; None when the daemon has ended the response.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(event) = self.reader.event()? {
                return Ok(Some(event));
            }
            let frame = tokio::time::timeout(SILENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| ClientError::Slow {
                address: self.address.clone(),
                seconds: SILENCE.as_secs(),
                what: "give a sign of life",
            })?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    let (address, why) = (self.address.clone(), error.to_string());
                    return Err(ClientError::Broken { address, why });
                }
                Some(Ok(frame)) => {
                    self.reader.rest.extend_from_slice(frame.data_ref().map_or(&[], |data| data))
                }
            }
        }
    }
}

impl Reader {
    /// Takes the first event that is whole; comments and empty ones are none.
    pub(super) fn event(&mut self) -> Result<Option<Event>, ClientError> {
        while let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            let text = str::from_utf8(&block).map_err(|_| ClientError::Odd("is no UTF-8 text"))?;
            let event = event(text);
            if !event.name.is_empty() {
                return Ok(Some(event));
            }
        }
        if self.rest.len() > MAX_EVENT {
            Err(ClientError::Odd("has an event above 64 KiB"))
        } else {
            Ok(None)
        }
    }
}

/// The fields of one block. The daemon writes each once, on a line of its own that ends in a line feed.
fn event(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.name = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => event.data = value.to_owned(),
            // A comment, `retry`, or a field of a later day.
            _ => {}
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<Event>, ClientError> {
        let (mut reader, mut events) = (Reader::default(), Vec::new());
        for piece in pieces {
            reader.rest.extend_from_slice(piece);
            while let Some(event) = reader.event()? {
                events.push(event);
            }
        }
        Ok(events)
    }

    #[test]
    fn events_come_in_any_pieces() {
        let text = b"retry: 2000\nevent: open\nid: 01\ndata: {}\n\n:\n\nevent: end\ndata:x\n\nevent: half\n";
        let event = |name: &str, id: Option<&str>, data: &str| Event {
            name: name.to_owned(),
            id: id.map(str::to_owned),
            data: data.to_owned(),
        };
        let expected = vec![event("open", Some("01"), "{}"), event("end", None, "x")];
        assert_eq!(read(&[text]).unwrap(), expected);
        for at in 0..text.len() {
            assert_eq!(read(&[&text[..at], &text[at..]]).unwrap(), expected, "{at}");
        }
    }

    #[test]
    fn an_event_has_a_bound() {
        let large = vec![b'x'; MAX_EVENT];
        assert!(read(&[&large]).is_ok() && read(&[&large, b"x"]).is_err());
        assert!(read(&[b"event: \xff\n\n"]).is_err());
    }
}
