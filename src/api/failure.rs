//! From an error to a problem: the one place where it is decided what a peer is told.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::AuditError;
use crate::identity::{FileError, IdentityError};
use crate::model::{Denial, FieldError, Limit};
use crate::telemetry::Verdict;
use crate::vault::VaultError;
use crate::wire::{Code, Problem, Unreadable};

/// Why a request gets no success.
#[derive(Debug)]
pub enum Failure {
    Vault(VaultError),
    Unreadable(Unreadable),
    /// Fields or parameters that are not what they should be.
    Invalid(Vec<FieldError>),
    Malformed(&'static str),
    NoSuchPath,
    /// With the methods that the path has.
    Method(&'static str),
    TooLarge(usize),
    MediaType,
    ShuttingDown,
}

/// What is told to a service that may not use a secret, whether it exists or not. To the letter.
const ACCESS_DENIED: &str = "This caller may not use this, or there is no such thing. \
     The reason stands in the audit log under this request's ID: ask an operator.";

impl Failure {
    pub fn invalid(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }

    /// How the request was decided, if it came to that.
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Vault(VaultError::Denied(denial)) => Some(Verdict::Denied(*denial)),
            Self::Vault(VaultError::NotFound(_)) => Some(Verdict::NotFound),
            _ => None,
        }
    }

    /// The problem to answer with. What must stay inside is logged here, once.
    pub fn problem(self, request_id: &str) -> Problem {
        let (code, detail, mut errors) = match self {
            Self::Vault(VaultError::Invalid(errors)) | Self::Invalid(errors) => {
                (Code::InvalidField, summary(&errors), errors)
            }
            Self::Vault(error) => {
                let (code, detail) = of_vault(error, request_id);
                (code, detail, Vec::new())
            }
            Self::Unreadable(Unreadable::Shape(error)) => {
                let errors = vec![error];
                (Code::InvalidField, summary(&errors), errors)
            }
            Self::Unreadable(Unreadable::Malformed(detail)) => (Code::Malformed, detail, Vec::new()),
            Self::Malformed(detail) => (Code::Malformed, detail.to_owned(), Vec::new()),
            Self::NoSuchPath => (Code::NotFound, "The API has no such path.".to_owned(), Vec::new()),
            Self::Method(allowed) => {
                (Code::MethodNotAllowed, format!("This path takes {allowed}."), Vec::new())
            }
            Self::TooLarge(most) => {
                (Code::TooLarge, format!("The body may have {most} bytes here."), Vec::new())
            }
            Self::MediaType => {
                (Code::UnsupportedMediaType, "The body must be application/json.".to_owned(), Vec::new())
            }
            Self::ShuttingDown => (Code::ShuttingDown, "Try again in a moment.".to_owned(), Vec::new()),
        };
        errors.truncate(MOST_ERRORS);
        Problem::new(code, detail, request_id, errors)
    }

    /// Whether the connection must end with this answer: its caller is not, or no longer, one of ours.
    pub fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Vault(VaultError::Denied(
                Denial::CallerUnknown | Denial::CallerRevoked | Denial::CertificateExpired
            ))
        )
    }

    /// Whether nobody has asked yet who asks: what was asked, or how much at a time, was reason enough.
    pub fn is_undecided(&self) -> bool {
        match self {
            Self::Vault(VaultError::Limited(_))
            | Self::Unreadable(_)
            | Self::Invalid(_)
            | Self::Malformed(_)
            | Self::NoSuchPath
            | Self::Method(_)
            | Self::TooLarge(_)
            | Self::MediaType => true,
            Self::Vault(_) | Self::ShuttingDown => false,
        }
    }

    /// What there wasn't enough of.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Vault(VaultError::Limited(limit)) => Some(*limit),
            _ => None,
        }
    }

    /// The methods that the path has, for one that it hasn't.
    pub fn allow(&self) -> Option<&'static str> {
        match self {
            Self::Method(methods) => Some(methods),
            _ => None,
        }
    }

    /// Seconds after which another attempt makes sense.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Vault(VaultError::Backoff(seconds)) => Some(*seconds),
            Self::Vault(VaultError::Limited(limit)) => Some(retry_after(*limit)),
            _ => None,
        }
    }
}

/// Errors in an answer, and those of them that its `detail` repeats. A peer decides how many there are.
const MOST_ERRORS: usize = 100;
const MOST_TOLD: usize = 10;

fn summary(errors: &[FieldError]) -> String {
    let told = |each: &FieldError| format!("{} {}", each.pointer, each.detail).trim_start().to_owned();
    let mut text = errors.iter().take(MOST_TOLD).map(told).collect::<Vec<_>>().join("; ");
    if errors.len() > MOST_TOLD {
        text.push_str(&format!("; and {} more", errors.len() - MOST_TOLD));
    }
    text
}

fn of_vault(error: VaultError, request_id: &str) -> (Code, String) {
    let text = error.to_string();
    match error {
        VaultError::Denied(denial) => {
            let (code, detail) = of_denial(denial);
            (code, detail.to_owned())
        }
        VaultError::NotFound(noun) => (Code::NotFound, format!("There is no such {noun}.")),
        VaultError::Conflict(detail) => (Code::Conflict, detail),
        VaultError::Managed(_) => (Code::ManagedByIntegration, text),
        VaultError::Tombstoned(_) => (Code::Tombstoned, text),
        VaultError::Stale => (Code::PreconditionFailed, text),
        VaultError::Invalid(errors) => (Code::InvalidField, summary(&errors)),
        VaultError::WrongPassphrase => {
            (Code::WrongPassphrase, "The passphrase is wrong: no key slot opens with it.".to_owned())
        }
        VaultError::Backoff(_) => (Code::RateLimited, text),
        VaultError::Limited(limit) => (Code::RateLimited, of_limit(limit)),
        VaultError::AuditUnavailable(cause) => {
            // A looping client must not fill the journal with what status tells too.
            static LAST: AtomicU64 = AtomicU64::new(0);
            let minute = jiff::Timestamp::now().as_second().unsigned_abs() / 60;
            if LAST.swap(minute, Ordering::Relaxed) != minute {
                tracing::error!(request.id = request_id, error = %cause, "audit log can't be written");
            }
            let why = match cause {
                AuditError::Unavailable(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                    "The audit log's disk is full: make room on it. Nothing is released or changed without its entry."
                }
                _ => "Nothing is released or changed without its audit entry; see the daemon's log.",
            };
            (Code::AuditUnavailable, why.to_owned())
        }
        VaultError::Full => {
            let detail = "Nothing was changed. Make room on the data directory's disk: changes take 16 MiB that are free.";
            (Code::StorageFull, detail.to_owned())
        }
        VaultError::StoreUnavailable(_) => {
            tracing::error!(request.id = request_id, error = %text, "request failed");
            (
                Code::StorageUnavailable,
                "The store's disk can't be written or read; see the daemon's log. It is tried again by itself.".to_owned(),
            )
        }
        VaultError::NotRekeyed(_) => {
            tracing::error!(request.id = request_id, error = %text, "request failed");
            let detail = "The rekey came to nothing, and the vault is as it was: its disk can't be written or read; see the \
                          daemon's log. Once it can be, rekey again.";
            (Code::StorageUnavailable, detail.to_owned())
        }
        VaultError::Undecided => (Code::StorageUnavailable, text),
        VaultError::Unsettled | VaultError::RolledBack(_) | VaultError::Newer { .. } => {
            (Code::Conflict, text)
        }
        // A file in `tls/` isn't what it should be: the text has the remedy.
        VaultError::Identity(IdentityError::File(FileError::Content { .. })) => (Code::Conflict, text),
        VaultError::Identity(IdentityError::Request(fault)) => (Code::InvalidField, fault.to_string()),
        VaultError::InUse(_)
        | VaultError::File { .. }
        | VaultError::NoVault(_)
        | VaultError::OtherOwner { .. }
        | VaultError::VaultExists(_)
        | VaultError::Damaged(_)
        | VaultError::Backup(_)
        | VaultError::GivenUp(_)
        | VaultError::Store(_)
        | VaultError::Identity(_)
        | VaultError::Crypto(_) => {
            tracing::error!(request.id = request_id, error = %text, "request failed");
            (Code::Internal, "The cause stands in the daemon's log under this request's ID.".to_owned())
        }
    }
}

/// What is told to one who ran into a limit: whose it is, its key, what to do.
fn of_limit(limit: Limit) -> String {
    let (what, advice) = match limit {
        Limit::Handshakes | Limit::Connections => ("As many connections are open as may be", "Come again"),
        Limit::CallerConnections => {
            ("This caller has as many connections as it may", "Close some, or use them")
        }
        Limit::CallerRequests => {
            ("This caller has as many requests under way as it may", "Read their answers, then ask again")
        }
        Limit::Rate => ("This caller asks more often than it may", "Ask again in a second"),
        Limit::Waiting => ("As many requests wait as may", "Ask without wait, or again later"),
        Limit::CallerWaiting => {
            ("As many of this caller's requests wait as may", "Ask without wait, or again later")
        }
        Limit::Large => (
            "As many large answers and bodies are under way as may be",
            "Ask again in a second, or of a list for less with limit=",
        ),
        Limit::CallerLarge => (
            "This caller has as many large answers and bodies under way as it may",
            "Read the answers, then ask again, or of a list for less with limit=",
        ),
    };
    format!("{what} (limits.{}). {advice}.", limit.key())
}

/// Seconds until it may be otherwise.
fn retry_after(limit: Limit) -> u64 {
    match limit {
        Limit::CallerRequests | Limit::Rate | Limit::Large | Limit::CallerLarge => 1,
        Limit::Handshakes
        | Limit::Connections
        | Limit::CallerConnections
        | Limit::Waiting
        | Limit::CallerWaiting => 10,
    }
}

fn of_denial(denial: Denial) -> (Code, &'static str) {
    match denial {
        Denial::Sealed => {
            (Code::Sealed, "The vault is sealed. A full operator unseals it with: fsm-vault unseal")
        }
        Denial::CallerUnknown => (
            Code::CallerUnknown,
            "No registration knows this certificate's name and key. An operator adds one with: fsm-vault caller add. While sealed, full operators alone are known, and none if tls/operators.json is lost: start the daemon with --passphrase-file. A full operator who lost the last certificate: fsm-vault operator recover",
        ),
        Denial::CertificateExpired => (
            Code::CallerUnknown,
            "This certificate has expired. An operator issues another: fsm-vault caller revoke NAME, then fsm-vault caller add NAME",
        ),
        Denial::CallerRevoked => (Code::CallerRevoked, "This caller's registration was revoked."),
        Denial::WrongPeer => (
            Code::WrongPeer,
            "This caller is pinned: it is served on the Unix socket alone, to the process it is pinned to.",
        ),
        Denial::WrongRole => (
            Code::PermissionDenied,
            "Operators never read values, and services never manage: use the identity of the other kind.",
        ),
        Denial::Level => {
            (Code::PermissionDenied, "This takes a higher permission level, or owning the secret.")
        }
        Denial::SecretUnknown
        | Denial::IntegrationBlocked
        | Denial::NoRestrictions
        | Denial::ScriptNotAllowed
        | Denial::SuiteAppNotAllowed
        | Denial::EmployeeNotOfCaller
        | Denial::EmployeeNotAllowed => (Code::AccessDenied, ACCESS_DENIED),
        Denial::EmployeeRequired => {
            (Code::EmployeeRequired, "This caller works for several employees: name one with employee=.")
        }
        Denial::DomainRequired => {
            (Code::DomainRequired, "Name the host that the value is meant for with domain=.")
        }
        Denial::DomainNotAllowed => (Code::DomainNotAllowed, "The value may not be sent to this domain."),
        Denial::UseOnly => (Code::UseOnly, "This secret is never returned."),
        Denial::Version(_) => (Code::NotFound, "No such version can be read now."),
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

#[cfg(test)]
mod tests;
