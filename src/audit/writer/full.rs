//! A full disk: the log's last word, and how it goes on.

use std::io::{self, ErrorKind};

use jiff::Timestamp;

use super::super::own::{refusing, resumed};
use super::Writer;

/// Nothing is written until the room for a last word is there again.
pub(super) struct Refusing {
    since: Timestamp,
    refused: u64,
}

impl Writer {
    /// Counts entries that could not be written; on a full disk the first of them is what the reserve is for.
    pub(super) fn refuse(&mut self, error: &io::Error, count: usize) {
        let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        if full && self.refusing.is_none() && self.parts.disk.release().is_ok_and(|released| released) {
            let said = self.ready().and_then(|()| self.put_own(&refusing().body()));
            match said {
                Ok(()) => {
                    tracing::error!("audit log is full; nothing is released or changed until there is room")
                }
                Err(error) => tracing::error!(%error, "audit log is full, and can't say so"),
            }
            self.refusing = Some(Refusing { since: self.parts.clock.now(), refused: 0 });
        }
        if let Some(refusing) = &mut self.refusing {
            refusing.refused += count as u64;
        }
    }

    /// Goes on once there is room for the next last word.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        let Some(Refusing { since, refused }) = &self.refusing else { return Ok(()) };
        if !self.parts.disk.is_roomy()? {
            return Err(ErrorKind::StorageFull.into());
        }
        self.parts.disk.reserve()?;
        let passed = self.parts.clock.now().duration_since(*since).as_secs();
        self.owed.push(resumed(*refused, u64::try_from(passed).unwrap_or_default()));
        self.refusing = None;
        Ok(())
    }
}
