//! Why something was refused. The whole reason goes to the audit log; what the caller is told is
//! decided where denials become answers.

use super::secret::Unavailable;

/// A reason to refuse, in the order in which the rules are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    Sealed,
    CallerUnknown,
    CertificateExpired,
    CallerRevoked,
    WrongPeer,
    /// An operator asked for a value, or a service for a management call.
    WrongRole,
    SecretUnknown,
    IntegrationBlocked,
    NoRestrictions,
    ScriptNotAllowed,
    SuiteAppNotAllowed,
    EmployeeRequired,
    EmployeeNotOfCaller,
    EmployeeNotAllowed,
    DomainRequired,
    DomainNotAllowed,
    UseOnly,
    Version(Unavailable),
    /// An operator below the level that the action takes, or not an owner.
    Level,
}

impl Denial {
    /// The word that the audit log records.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::CallerUnknown => "caller_unknown",
            Self::CertificateExpired => "certificate_expired",
            Self::CallerRevoked => "caller_revoked",
            Self::WrongPeer => "wrong_peer",
            Self::WrongRole => "wrong_role",
            Self::SecretUnknown => "secret_unknown",
            Self::IntegrationBlocked => "integration_blocked",
            Self::NoRestrictions => "no_restrictions",
            Self::ScriptNotAllowed => "script_not_allowed",
            Self::SuiteAppNotAllowed => "suiteapp_not_allowed",
            Self::EmployeeRequired => "employee_required",
            Self::EmployeeNotOfCaller => "employee_not_of_caller",
            Self::EmployeeNotAllowed => "employee_not_allowed",
            Self::DomainRequired => "domain_required",
            Self::DomainNotAllowed => "domain_not_allowed",
            Self::UseOnly => "use_only",
            Self::Version(Unavailable::Unknown) => "version_unknown",
            Self::Version(Unavailable::Pending) => "version_pending",
            Self::Version(Unavailable::Retired) => "version_retired",
            Self::Level => "permission_level",
        }
    }
}
