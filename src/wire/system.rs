//! State of the daemon, its vault and its audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::secret::Plaintext;

/// `GET /v1/sys/status`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    pub sealed: bool,
    pub version: String,
    pub time: Timestamp,
    pub server_certificate_expires_at: Timestamp,
    /// Null while sealed.
    #[schema(required)]
    pub audit: Option<AuditStanding>,
}

/// Whether the audit log can be written and was found whole.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq, utoipa::ToSchema)]
pub struct AuditStanding {
    pub available: bool,
    pub damaged: bool,
}

/// Proof of knowing the passphrase.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Passphrase {
    #[schema(value_type = String, format = Password)]
    pub passphrase: Plaintext,
}

/// `POST /v1/sys/unseal`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unseal {
    #[schema(value_type = String, format = Password)]
    pub passphrase: Plaintext,
    /// Take the store as it is although it is older than what is known of it.
    #[serde(default)]
    pub accept_rollback: bool,
}

/// `POST /v1/sys/backup`, for a backup that opens with a passphrase of its own. Without one, and without a body, it opens with
/// the vault's.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupForm {
    /// One of the vault's.
    #[schema(value_type = String, format = Password)]
    pub passphrase: Plaintext,
    /// The backup's, of at least 12 characters and at most 4096 bytes. Without it, the one above is shown and the backup made only if that opens it.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 4096)]
    pub own_passphrase: Option<Plaintext>,
}

/// `GET /v1/audit/verify`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verification {
    pub intact: bool,
    pub entries: u64,
    pub segments: u64,
    #[schema(required)]
    pub first_bad: Option<BadEntry>,
}

/// The first place where the log isn't what was written.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BadEntry {
    pub segment: u64,
    pub line: u64,
    #[schema(required)]
    pub seq: Option<u64>,
    pub what: String,
}

impl BadEntry {
    /// For people, where `what` doesn't name the file itself: `segment 2, line 14`.
    pub fn place(&self) -> Option<String> {
        (self.line > 0).then(|| format!("segment {}, line {}", self.segment, self.line))
    }
}
