//! What the fuzz targets reach of this room's inside. Only builds with `--cfg fuzzing` have it.

use super::error::ClientError;
use super::events::{Event, Reader};

/// The events of a stream that comes in these pieces.
pub fn events(pieces: &[&[u8]]) -> Result<Vec<Event>, ClientError> {
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    for piece in pieces {
        reader.rest.extend_from_slice(piece);
        while let Some(event) = reader.event()? {
            events.push(event);
        }
    }
    Ok(events)
}
