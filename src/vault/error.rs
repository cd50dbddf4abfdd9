//! Everything that the gate may answer instead of what was asked for, by whose fault it is.

use crate::audit::{self, AuditError};
use crate::backup::{self, BackupError};
use crate::crypto::Failed;
use crate::identity::{FileError, IdentityError, as_user, is_of_place};
use crate::keys::{FORMAT, HeaderError, OpenError};
use crate::model::{Denial, FieldError, IntegrationName, Limit, SecretId};
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    // The caller's.
    #[error("refused: {}", .0.reason())]
    Denied(Denial),
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Conflict(String),
    #[error(
        "it belongs to the integration {0}, whose pair changes as one: fsm-vault integration rotate, activate, retire, edit or delete {0}"
    )]
    Managed(IntegrationName),
    #[error("{}", .0.iter().map(|each| format!("{} {}", each.pointer, each.detail)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// An ID that was shared with a SuiteApp.
    #[error("{0} was shared with a SuiteApp and deleted; such an ID is never used again, so take another")]
    Tombstoned(SecretId),
    /// A change made on an older look.
    #[error("it was changed since you looked; look again, and make the change on what there is now")]
    Stale,
    #[error("wrong passphrase")]
    WrongPassphrase,
    #[error("too many wrong passphrases, or an attempt is under way; try again in {0} s")]
    Backoff(u64),
    /// The caller has as much of something as it may have, or all callers together have.
    #[error("too much at a time (limits.{})", .0.key())]
    Limited(Limit),

    // The host's.
    #[error("{0}")]
    AuditUnavailable(#[source] AuditError),
    #[error("the storage is full")]
    Full,
    /// The disk can't be written or read; tried again by itself.
    #[error("the store can't be used now: {0}")]
    StoreUnavailable(#[source] StoreError),
    /// The same of what a rekey builds or reads: given up, and not tried again.
    #[error("the rekey came to nothing, and the vault is as it was: {0}")]
    NotRekeyed(#[source] StoreError),
    /// A rekey failed so that the disk may hold either store.
    #[error(
        "since a rekey failed it isn't known which of two stores the disk holds, and the vault is sealed: restart the daemon"
    )]
    Undecided,
    #[error("{0} is in use by another fsm-vault process; stop it first")]
    InUse(String),
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },

    // The vault's.
    /// Opened as another user, the store would leave files that its owner can't read.
    #[error(
        "{path} belongs to the user with uid {owner}; run this as that user: {} fsm-vault …", as_user(*owner)
    )]
    OtherOwner { path: String, owner: u32 },
    #[error("there is no vault in {0}; make one with: fsm-vault init --data-dir {0}")]
    NoVault(String),
    #[error("there is a vault in {0} already")]
    VaultExists(String),
    #[error(
        "the store is damaged: {0}; put back the newest whole copy of the data directory, or restore the newest backup: \
         fsm-vault backup restore FILE --data-dir NEW"
    )]
    Damaged(String),
    /// An older copy of the store, or one that lacks records, and nobody said that it be taken.
    #[error("{0}")]
    RolledBack(Box<super::rollback::RolledBack>),
    #[error("the backup is not whole: {0}; take another one")]
    Backup(BackupError),
    /// A newer release wrote it, in a format that this one can't read. It is left as it is.
    #[error(
        "{what} has format {found}, and this program reads format {known}: install fsm-vault {found}.0 or newer"
    )]
    Newer { what: String, found: u32, known: u32 },

    // The program's.
    #[error("the store failed: {0}")]
    Store(StoreError),
    #[error(transparent)]
    Identity(IdentityError),
    #[error(transparent)]
    Crypto(#[from] Failed),
    /// A backup that came to no end.
    #[error("the backup was given up: {0}")]
    GivenUp(&'static str),
    /// What was asked for changed at every attempt.
    #[error("what was asked for is changing too fast; try again")]
    Unsettled,
}

impl From<AuditError> for VaultError {
    fn from(error: AuditError) -> Self {
        match error {
            // Only a seal closes the log.
            AuditError::Closed => Self::Denied(Denial::Sealed),
            AuditError::Newer { segment, format } => Self::Newer {
                what: format!("segment {segment} of the audit log"),
                found: format,
                known: audit::FORMAT,
            },
            other => Self::AuditUnavailable(other),
        }
    }
}

impl From<FileError> for VaultError {
    fn from(error: FileError) -> Self {
        Self::Identity(error.into())
    }
}

impl From<Denial> for VaultError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<HeaderError> for VaultError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::WrongPassphrase => Self::WrongPassphrase,
            HeaderError::Crypto(failed) => Self::Crypto(failed),
            HeaderError::NoSuchSlot => Self::NotFound("key slot"),
            HeaderError::LastSlot => Self::Conflict(
                "it is the last key slot, and without one nobody could unseal the vault; add another first: fsm-vault \
                 keyslot add"
                    .to_owned(),
            ),
            HeaderError::NoRoom => Self::Conflict(
                "all eight key slots are taken; remove one first: fsm-vault keyslot remove ID".to_owned(),
            ),
            HeaderError::InUse(id) => {
                Self::Conflict(format!("the key slot {id} opens with this passphrase already; take another one"))
            }
            HeaderError::Format(found) => Self::newer("the vault", found),
            HeaderError::Damaged | HeaderError::Cost(_) => Self::Damaged(format!("its header: {error}")),
        }
    }
}

impl From<OpenError> for VaultError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Format(found) => Self::newer("a record of the vault", found),
            OpenError::Damaged => Self::Damaged(error.to_string()),
        }
    }
}

impl From<BackupError> for VaultError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Format(found) => Self::Newer {
                what: "the backup".to_owned(),
                found: found.into(),
                known: backup::FORMAT.into(),
            },
            BackupError::Header(HeaderError::Format(found)) => Self::newer("the vault in the backup", found),
            other => Self::Backup(other),
        }
    }
}

impl From<IdentityError> for VaultError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::AuthorityFormat(found) => Self::newer("the record of the vault's own CA", found),
            other => Self::Identity(other),
        }
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::Conflict => Self::Conflict("it was changed meanwhile; look again".to_owned()),
            StoreError::Io(_) | StoreError::Closed => Self::StoreUnavailable(error),
            StoreError::Damaged(damage) => Self::Damaged(damage.to_string()),
            other => Self::Store(other),
        }
    }
}

impl VaultError {
    /// The command line's exit code (contract, exit codes), where the vault is used without a daemon.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid(_) | Self::NoVault(_) | Self::OtherOwner { .. } | Self::Newer { .. } => 2,
            Self::File { source, .. } | Self::Identity(IdentityError::File(FileError::Io { source, .. }))
                if is_of_place(source) =>
            {
                2
            }
            Self::WrongPassphrase => 3,
            Self::Denied(Denial::Sealed) => 5,
            Self::Denied(_) | Self::Backoff(_) | Self::Limited(_) => 3,
            Self::NotFound(_) => 4,
            Self::Conflict(_)
            | Self::Managed(_)
            | Self::Tombstoned(_)
            | Self::Stale
            | Self::VaultExists(_)
            | Self::InUse(_)
            | Self::RolledBack(_)
            | Self::Unsettled => 6,
            Self::Identity(IdentityError::File(FileError::Exists { .. })) => 6,
            Self::Identity(IdentityError::File(FileError::Exposed { .. } | FileError::Foreign { .. })) => 2,
            Self::AuditUnavailable(_)
            | Self::Full
            | Self::StoreUnavailable(_)
            | Self::NotRekeyed(_)
            | Self::Undecided
            | Self::File { .. }
            | Self::Damaged(_)
            | Self::Backup(_)
            | Self::GivenUp(_)
            | Self::Store(_)
            | Self::Identity(_)
            | Self::Crypto(_) => 1,
        }
    }

    /// The word that the audit log records for a permitted act that came to nothing.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Denied(denial) => denial.reason(),
            Self::NotFound(_) => "not_found",
            Self::Conflict(_)
            | Self::VaultExists(_)
            | Self::InUse(_)
            | Self::RolledBack(_)
            | Self::Newer { .. } => "conflict",
            Self::Managed(_) => "managed_by_integration",
            Self::Tombstoned(_) => "tombstoned",
            Self::Stale => "precondition_failed",
            Self::Invalid(_) => "invalid_field",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Backoff(_) | Self::Limited(_) => "rate_limited",
            Self::AuditUnavailable(_) => "audit_unavailable",
            Self::Full => "storage_full",
            Self::StoreUnavailable(_) | Self::NotRekeyed(_) | Self::Undecided => "storage_unavailable",
            Self::Unsettled => "unsettled",
            Self::GivenUp(_) => "given_up",
            Self::File { .. }
            | Self::NoVault(_)
            | Self::OtherOwner { .. }
            | Self::Damaged(_)
            | Self::Backup(_)
            | Self::Store(_)
            | Self::Identity(_)
            | Self::Crypto(_) => "internal",
        }
    }

    /// What carries the number of records, header and all that stands beside them.
    pub(super) fn newer(what: &str, found: u8) -> Self {
        Self::Newer { what: what.to_owned(), found: found.into(), known: FORMAT.into() }
    }

    pub(super) fn invalid(pointer: &str, detail: impl ToString) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }
}
