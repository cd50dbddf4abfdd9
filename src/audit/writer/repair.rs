//! After a failed write: what it left is taken back, or its segment is given up.
//!
//! A disk in trouble refuses that as well. As long as it is, the segment stays torn, and each line that is asked for tries
//! again and fails with the disk's error: nothing is lost by waiting, and a segment that is given up is damage for ever.
//! Only where the disk takes other files again, and this one still can't be mended, is it this one that is at fault.

use std::io;
use std::mem;

use super::super::finding::Flaw;
use super::{Current, Place, Writer};

impl Writer {
    /// Mends the segment after a failed write, or gives it up. Errors are the disk's: to be tried again.
    pub(super) fn repair(&mut self) -> io::Result<()> {
        let Place::Torn(current) = &mut self.place else { return Ok(()) };
        let restored = current.restore().or_else(|error| {
            self.parts.disk.takes_writes().map_err(|_| error)?;
            // It may have come back between the two.
            Ok::<_, io::Error>(current.restore().unwrap_or_else(|error| {
                tracing::error!(%error, segment = current.number, "audit segment can't be repaired");
                Some(Flaw::NotRepaired)
            }))
        })?;
        if let Some(flaw) = restored {
            self.abandon(flaw);
        } else if let Place::Torn(current) = mem::replace(&mut self.place, Place::Closed) {
            self.place = Place::Writing(Current { synced: true, refuses: false, ..current });
        }
        Ok(())
    }
}

impl Current {
    /// Has the file end, durably, with the last confirmed line. What others did to it can't be taken back, and is told.
    pub(super) fn restore(&mut self) -> io::Result<Option<Flaw>> {
        match self.sink.flaw(self.length)? {
            // Nothing was written. Cutting nothing off shows whether a file that refused a write still does.
            None if !self.refuses => {}
            None | Some(Flaw::ForeignBytes) => self.sink.cut(self.length)?,
            flaw => return Ok(flaw),
        }
        self.sink.sync().map(|()| None)
    }
}
