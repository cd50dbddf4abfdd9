//! After a failed write: what it left is taken back, or its segment is given up.
//!
//! A disk in trouble refuses that as well. As long as it is, the segment stays torn, and each line that is asked for tries
//! again and fails with the disk's error: nothing is lost by waiting, and a segment that is given up is damage for ever.
//! Only where the disk takes other files, and this one fails time after time, is it this one that is at fault.

use std::io::{self, ErrorKind};
use std::mem;

use super::super::finding::Flaw;
use super::{Current, Place, Writer};

/// So many failures in a row are the file's. Of a disk that comes and goes, one or two may look like it.
const FAULTS: u32 = 3;

impl Writer {
    /// Mends the segment after a failed write, or gives it up. Errors are the disk's: to be tried again.
    pub(super) fn repair(&mut self) -> io::Result<()> {
        let Place::Torn(current) = &mut self.place else { return Ok(()) };
        let restored = current.restore();
        let is_mended = matches!(restored, Ok(None));
        let is_at_fault = match &restored {
            Ok(None) => current.faults >= FAULTS,
            Ok(Some(_)) => false,
            // What was made immutable stays it.
            Err(error) if current.refuses && error.kind() == ErrorKind::PermissionDenied => true,
            Err(_) => {
                if self.parts.disk.takes_writes().is_ok() {
                    current.faults += 1;
                }
                current.faults >= FAULTS
            }
        };
        let flaw = if is_at_fault && self.parts.disk.takes_writes().is_ok() {
            tracing::error!(segment = current.number, "audit segment can't be repaired");
            Some(Flaw::NotRepaired)
        } else {
            restored?
        };
        if let Some(flaw) = flaw {
            self.abandon(flaw);
        } else if is_mended && let Place::Torn(current) = mem::replace(&mut self.place, Place::Closed) {
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
