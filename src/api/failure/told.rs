//! What is told of each error, and by which code.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::AuditError;
use crate::identity::{FileError, IdentityError};
use crate::model::{Denial, FieldError, Lacking, Level, Limit};
use crate::vault::VaultError;
use crate::wire::Code;

/// What is told to a service that may not use a secret, whether it exists or not. To the letter.
const ACCESS_DENIED: &str = "This caller may not use this, or there is no such thing. \
     The reason stands in the audit log under this request's ID: ask an operator.";

/// Errors of those in an answer that its `detail` repeats.
const MOST_TOLD: usize = 10;

pub(super) fn summary(errors: &[FieldError]) -> String {
    let told = |each: &FieldError| format!("{} {}", each.pointer, each.detail).trim_start().to_owned();
    let mut text = errors.iter().take(MOST_TOLD).map(told).collect::<Vec<_>>().join("; ");
    if errors.len() > MOST_TOLD {
        text.push_str(&format!("; and {} more", errors.len() - MOST_TOLD));
    }
    text
}

pub(super) fn of_vault(error: VaultError, request_id: &str) -> (Code, String) {
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
            "This certificate has expired. An operator issues another: fsm-vault caller certify NAME --out DIR",
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
        Denial::Level(lacking) => (Code::PermissionDenied, of_lacking(lacking)),
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
        Denial::AddressNotListed => (
            Code::DomainNotAllowed,
            "All domains are allowed, and an IP address is none: it has to be on the secret's list of domains.",
        ),
        Denial::UseOnly => (Code::UseOnly, "This secret is never returned."),
        Denial::Version(_) => (Code::NotFound, "No such version can be read now."),
    }
}

fn of_lacking(lacking: Lacking) -> &'static str {
    match lacking {
        Lacking::Level(Level::Full) => "This takes the permission level full.",
        Lacking::Level(Level::Edit) => "This takes the permission level edit.",
        Lacking::Level(Level::Create) => "This takes the permission level create.",
        Lacking::OwnersLevel(_) => {
            "This takes the permission level edit of one of its owners, and full of others."
        }
        // Whoever operates may view.
        Lacking::Owning | Lacking::Level(Level::View) => {
            "This takes owning it, or the permission level full."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_untold_is_told_alike() {
        for denial in Denial::ALL {
            assert_eq!(of_denial(denial).0 == Code::AccessDenied, denial.is_untold(), "{denial:?}");
        }
    }
}
