//! What a refusal tells to whom, and what it keeps to itself.

use super::*;
use crate::model::Unavailable;

fn problem(denial: Denial) -> Problem {
    Failure::Vault(VaultError::Denied(denial)).problem("r")
}

#[test]
fn one_answer_to_the_letter_for_unknown_and_forbidden() {
    let unknown = crate::wire::write(&problem(Denial::SecretUnknown));
    for denial in [
        Denial::ScriptNotAllowed,
        Denial::SuiteAppNotAllowed,
        Denial::EmployeeNotOfCaller,
        Denial::EmployeeNotAllowed,
        Denial::IntegrationBlocked,
        Denial::NoRestrictions,
    ] {
        assert_eq!(crate::wire::write(&problem(denial)), unknown, "{denial:?}");
    }
}

#[test]
fn only_who_passed_the_script_rule_is_told_more() {
    let told_more = [
        (Denial::EmployeeRequired, Code::EmployeeRequired),
        (Denial::DomainRequired, Code::DomainRequired),
        (Denial::DomainNotAllowed, Code::DomainNotAllowed),
        (Denial::AddressNotListed, Code::DomainNotAllowed),
        (Denial::UseOnly, Code::UseOnly),
        (Denial::Version(Unavailable::Retired), Code::NotFound),
    ];
    for (denial, code) in told_more {
        assert_eq!(problem(denial).code, code, "{denial:?}");
    }
}

#[test]
fn each_limit_is_named_and_says_when_to_come_again() {
    for limit in Limit::ALL {
        let failure = Failure::Vault(VaultError::Limited(limit));
        assert!(failure.retry_after().is_some_and(|seconds| seconds > 0), "{limit:?}");
        let problem = failure.problem("r");
        assert_eq!((problem.status, problem.code), (429, Code::RateLimited));
        assert!(problem.detail.contains(&format!("(limits.{})", limit.key())), "{}", problem.detail);
    }
}

#[test]
fn a_fault_of_the_daemon_shows_no_cause() {
    let error = VaultError::Damaged("record 0203 is bent".to_owned());
    let problem = Failure::Vault(error).problem("r");
    assert_eq!((problem.status, problem.code), (500, Code::Internal));
    assert!(!problem.detail.contains("bent"));
}

#[test]
fn connections_end_for_those_who_are_not_ours() {
    let ends = |denial| Failure::Vault(VaultError::Denied(denial)).ends_connection();
    assert!(ends(Denial::CallerRevoked) && ends(Denial::CallerUnknown) && ends(Denial::CertificateExpired));
    assert!(!ends(Denial::ScriptNotAllowed) && !ends(Denial::Sealed) && !ends(Denial::WrongPeer));
}
