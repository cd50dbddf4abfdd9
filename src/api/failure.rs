//! From an error to a problem: the one place where it is decided what a peer is told.

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

    /// Whether what was sent could be read, and is not what it should be: 422.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid(_) | Self::Unreadable(Unreadable::Shape(_)))
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

/// Errors in an answer. A peer decides how many there are.
const MOST_ERRORS: usize = 100;

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

mod told;

use told::{of_vault, summary};

#[cfg(test)]
mod tests;
