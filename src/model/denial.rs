//! Why something was refused. The whole reason goes to the audit log; what the caller is told is
//! decided where denials become answers.

use super::caller::Level;
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
    /// An IP address, where all domains are allowed and so none is listed.
    AddressNotListed,
    UseOnly,
    Version(Unavailable),
    /// An operator below the level that the action takes, or not an owner.
    Level(Lacking),
}

/// What an operator lacks for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// This level.
    Level(Level),
    /// This level, and to be among the owners, or level full.
    OwnersLevel(Level),
    /// To be among the owners, or level full.
    Owning,
}

impl Denial {
    /// Every reason, in their order.
    pub const ALL: [Self; 22] = [
        Self::Sealed,
        Self::CallerUnknown,
        Self::CertificateExpired,
        Self::CallerRevoked,
        Self::WrongPeer,
        Self::WrongRole,
        Self::SecretUnknown,
        Self::IntegrationBlocked,
        Self::NoRestrictions,
        Self::ScriptNotAllowed,
        Self::SuiteAppNotAllowed,
        Self::EmployeeRequired,
        Self::EmployeeNotOfCaller,
        Self::EmployeeNotAllowed,
        Self::DomainRequired,
        Self::DomainNotAllowed,
        Self::AddressNotListed,
        Self::UseOnly,
        Self::Version(Unavailable::Unknown),
        Self::Version(Unavailable::Pending),
        Self::Version(Unavailable::Retired),
        Self::Level(Lacking::Owning),
    ];

    /// The reason that the audit log records as this word.
    pub fn of_reason(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.reason() == word)
    }

    /// Whether who is refused is told no more than that access is denied: what there is, and who may have it, isn't told to
    /// those who may not.
    pub fn is_untold(self) -> bool {
        matches!(
            self,
            Self::SecretUnknown
                | Self::IntegrationBlocked
                | Self::NoRestrictions
                | Self::ScriptNotAllowed
                | Self::SuiteAppNotAllowed
                | Self::EmployeeNotOfCaller
                | Self::EmployeeNotAllowed
        )
    }

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
            Self::AddressNotListed => "address_not_listed",
            Self::UseOnly => "use_only",
            Self::Version(Unavailable::Unknown) => "version_unknown",
            Self::Version(Unavailable::Pending) => "version_pending",
            Self::Version(Unavailable::Retired) => "version_retired",
            Self::Level(_) => "permission_level",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compiler keeps `reason` whole, and this keeps `ALL` as whole as `reason`.
    #[test]
    fn all_reasons_are_listed_in_their_order() {
        let source = include_str!("denial.rs");
        let (_, arms) = source.split_once("fn reason(self)").unwrap();
        let (arms, _) = arms.split_once("#[cfg(test)]").unwrap();
        let written: Vec<&str> =
            arms.lines().filter_map(|line| line.trim().split_once("=> \"")?.1.strip_suffix("\",")).collect();
        assert_eq!(Denial::ALL.map(Denial::reason).as_slice(), written);
        for denial in Denial::ALL {
            assert_eq!(Denial::of_reason(denial.reason()), Some(denial));
        }
        assert_eq!(Denial::of_reason("not_found"), None);
    }
}
