//! Errors as `application/problem+json` (RFC 9457) and the fixed codes in them.

use serde::{Deserialize, Serialize};

use crate::model::FieldError;

/// What went wrong, as a word that programs can rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    Malformed,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    UnsupportedMediaType,
    AccessDenied,
    DomainRequired,
    DomainNotAllowed,
    EmployeeRequired,
    UseOnly,
    PermissionDenied,
    CallerUnknown,
    CallerRevoked,
    WrongPeer,
    WrongPassphrase,
    Conflict,
    ManagedByIntegration,
    Tombstoned,
    PreconditionFailed,
    InvalidField,
    RateLimited,
    Sealed,
    AuditUnavailable,
    ShuttingDown,
    StorageUnavailable,
    StorageFull,
    /// A fault of the daemon; its cause is in the log under the request's ID.
    Internal,
}

impl Code {
    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::AccessDenied
            | Self::DomainRequired
            | Self::DomainNotAllowed
            | Self::EmployeeRequired
            | Self::UseOnly
            | Self::PermissionDenied
            | Self::CallerUnknown
            | Self::CallerRevoked
            | Self::WrongPeer
            | Self::WrongPassphrase => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict | Self::ManagedByIntegration | Self::Tombstoned => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidField => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Sealed | Self::AuditUnavailable | Self::ShuttingDown | Self::StorageUnavailable => 503,
            Self::StorageFull => 507,
        }
    }

    /// The short, fixed title of the problem.
    pub fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request can't be read",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::TooLarge => "The request is too large",
            Self::UnsupportedMediaType => "The body's media type is not supported",
            Self::AccessDenied => "Access denied",
            Self::DomainRequired => "A domain is required",
            Self::DomainNotAllowed => "The domain is not allowed",
            Self::EmployeeRequired => "An employee is required",
            Self::UseOnly => "The secret is never returned, only used",
            Self::PermissionDenied => "Permission denied",
            Self::CallerUnknown => "The caller is unknown",
            Self::CallerRevoked => "The caller was revoked",
            Self::WrongPeer => "The caller is pinned to another peer",
            Self::WrongPassphrase => "Wrong passphrase",
            Self::Conflict => "The request conflicts with what there is",
            Self::ManagedByIntegration => "The secret belongs to an integration",
            Self::Tombstoned => "The ID can't be used again",
            Self::PreconditionFailed => "The record was changed meanwhile",
            Self::InvalidField => "A field is not valid",
            Self::RateLimited => "Too many attempts",
            Self::Sealed => "The vault is sealed",
            Self::AuditUnavailable => "The audit log can't be written",
            Self::ShuttingDown => "The daemon is shutting down",
            Self::StorageUnavailable => "The storage can't be used",
            Self::StorageFull => "The storage is full",
            Self::Internal => "The daemon failed",
        }
    }

    /// The code as it stands in the JSON.
    pub fn word(self) -> String {
        let quoted = super::json::write(&self);
        String::from_utf8_lossy(&quoted).trim_matches('"').to_owned()
    }
}

/// One problem, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: Code,
    pub request_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    pub fn new(code: Code, detail: String, request_id: &str, errors: Vec<FieldError>) -> Self {
        Self {
            kind: format!("urn:fsm-vault:problem:{}", code.word()),
            title: code.title().to_owned(),
            status: code.status(),
            detail,
            code,
            request_id: request_id.to_owned(),
            errors,
        }
    }
}
