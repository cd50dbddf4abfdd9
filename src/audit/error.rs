//! Why the log can't do what was asked.

use std::io;

use super::chain::FORMAT;

/// Why the log can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The entry isn't in the log, so what it tells of must not happen. Tried anew with the next entry.
    #[error("the audit log can't be written: {0}")]
    Unavailable(io::ErrorKind),
    /// The log was closed, as when the vault is sealed.
    #[error("the audit log is closed")]
    Closed,
    #[error("the audit entry is too large")]
    TooLarge,
    #[error("the audit log is in use by another process")]
    InUse,
    #[error("the audit log can't be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A newer release has written to the log: it must be left as it is.
    #[error(
        "segment {segment} of the audit log has format {format}, and this program reads format {FORMAT}: install fsm-vault \
         {format}.0 or newer"
    )]
    Newer { segment: u32, format: u32 },
}
