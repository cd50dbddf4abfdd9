//! The decision on a release, and what its audit entry tells.

use jiff::Timestamp;

use super::super::session::Asker;
use super::super::state::Unsealed;
use super::{Asked, Found, Permit, recognised};
use crate::audit::{Outcome, Told};
use crate::model::{Denial, Domain, Employee};
use crate::policy::{Ask, decide_use};

/// Decides, and tells what was decided.
pub(super) fn weigh<'a>(
    unsealed: &'a Unsealed,
    asker: Asker<'a>,
    asked: Asked<'a>,
    ask: Ask<'a>,
    now: Timestamp,
) -> (Result<Permit, Denial>, Told<'a>) {
    let who = recognised(&unsealed.registry, asker);
    let found = Found::find(&unsealed.registry, asked);
    let verdict = decide_use(who, found.target(), ask, now).and_then(|terms| {
        let permit = who.caller.and_then(|caller| found.permit(caller, &terms, unsealed.generation, now));
        permit.map(|permit| (terms, permit)).ok_or(Denial::SecretUnknown)
    });

    let mut told = asker.told(who.caller);
    match asked {
        Asked::Secret(id) => {
            told.action = "secret.read";
            told.secret = Some(id.as_str());
        }
        Asked::Pair(name) => {
            told.action = "integration.read";
            told.integration = Some(name.as_str());
        }
    }
    told.domain = ask.domain.map(Domain::as_str);
    told.employee = ask.employee.map(Employee::as_str);
    let verdict = match verdict {
        Ok((terms, permit)) => {
            told.outcome = Outcome::Allowed;
            told.version = Some(terms.version);
            told.employee = terms.employee.map(Employee::as_str);
            told.fingerprint = found.fingerprints(terms.version);
            Ok(permit)
        }
        Err(denial) => {
            told.outcome = Outcome::Denied;
            told.reason = Some(denial.reason());
            Err(denial)
        }
    };
    (verdict, told)
}
