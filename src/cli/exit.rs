//! The exit codes, fixed by the contract.

use crate::client::{ClientError, Refusal};
use crate::wire::Code;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    /// Wrong usage or invalid input.
    Usage = 2,
    Refused = 3,
    NotFound = 4,
    Sealed = 5,
    Conflict = 6,
    /// The daemon, or what it needs upstream.
    Unreachable = 7,
}

impl Exit {
    /// For the manual.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed, or something is as it shouldn't be",
            Self::Usage => "wrong usage, or invalid input",
            Self::Refused => "refused",
            Self::NotFound => "not found",
            Self::Sealed => "the vault is sealed",
            Self::Conflict => "a conflict with what is there",
            Self::Unreachable => "the daemon, or what it needs upstream, can't be reached",
        }
    }

    /// What the daemon's refusal means here.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        if refusal.code == Code::Sealed.word() {
            return Self::Sealed;
        }
        match refusal.status {
            400 | 413 | 415 | 422 => Self::Usage,
            403 | 429 => Self::Refused,
            404 => Self::NotFound,
            409 | 412 => Self::Conflict,
            502 => Self::Unreachable,
            _ => Self::Failed,
        }
    }

    pub fn of_client(error: &ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => Self::of_refusal(refusal),
            // Which directory it is, is input.
            ClientError::Identity(_) => Self::Usage,
            ClientError::Unreachable { .. }
            | ClientError::Tls(_)
            | ClientError::Slow { .. }
            | ClientError::Broken { .. } => Self::Unreachable,
            ClientError::Odd(_) => Self::Failed,
        }
    }

    /// From the rooms that name the code themselves.
    pub fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Done,
            2 => Self::Usage,
            3 => Self::Refused,
            4 => Self::NotFound,
            5 => Self::Sealed,
            6 => Self::Conflict,
            7 => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_api_has_its_exit() {
        for (code, exit) in [
            (Code::Malformed, Exit::Usage),
            (Code::NotFound, Exit::NotFound),
            (Code::MethodNotAllowed, Exit::Failed),
            (Code::TooLarge, Exit::Usage),
            (Code::UnsupportedMediaType, Exit::Usage),
            (Code::AccessDenied, Exit::Refused),
            (Code::DomainRequired, Exit::Refused),
            (Code::PermissionDenied, Exit::Refused),
            (Code::CallerUnknown, Exit::Refused),
            (Code::CallerRevoked, Exit::Refused),
            (Code::WrongPeer, Exit::Refused),
            (Code::WrongPassphrase, Exit::Refused),
            (Code::Conflict, Exit::Conflict),
            (Code::ManagedByIntegration, Exit::Conflict),
            (Code::InvalidField, Exit::Usage),
            (Code::RateLimited, Exit::Refused),
            (Code::Sealed, Exit::Sealed),
            (Code::AuditUnavailable, Exit::Failed),
            (Code::ShuttingDown, Exit::Failed),
            (Code::StorageUnavailable, Exit::Failed),
            (Code::StorageFull, Exit::Failed),
            (Code::Internal, Exit::Failed),
        ] {
            assert_eq!(Exit::of_refusal(&refusal(code.status(), &code.word())), exit, "{code:?}");
        }
        // Those that this version's daemon doesn't send.
        for (status, exit) in [(412, Exit::Conflict), (502, Exit::Unreachable), (418, Exit::Failed)] {
            assert_eq!(Exit::of_refusal(&refusal(status, "later")), exit, "{status}");
        }
    }

    fn refusal(status: u16, code: &str) -> Refusal {
        let empty = String::new;
        let code = code.to_owned();
        Refusal { status, code, title: empty(), detail: empty(), request_id: empty(), errors: Vec::new() }
    }

    #[test]
    fn exits_are_the_numbers_of_the_contract() {
        for number in 0..=7 {
            assert_eq!(Exit::of_code(number) as u8, number);
        }
        assert_eq!(Exit::of_code(42), Exit::Failed);
    }
}
