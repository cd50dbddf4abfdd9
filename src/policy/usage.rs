//! Whether a service may use a secret: scripts ∧ SuiteApp ∧ employees ∧ domains, then release and version.

use jiff::Timestamp;

use super::recognise::{Recognised, recognise};
use crate::model::{Denial, Domain, Employee, Release, Restrictions, Role, Scope, Secret, VersionWanted};

/// What a service says when it asks.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Where it means to send the value. Declared, not enforced: it is recorded.
    pub domain: Option<&'a Domain>,
    /// On whose behalf.
    pub employee: Option<&'a Employee>,
    pub version: VersionWanted,
}

/// What is asked for: a secret, or the pair of an integration.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// False for the stand-in that an unknown ID is decided against, so that the answer takes as long.
    pub known: bool,
    /// False while the integration that owns it is blocked or waits for approval.
    pub enabled: bool,
    pub restrictions: Option<&'a Restrictions>,
    pub release: Release,
    /// The secret whose versions count; of a pair, either.
    pub secret: &'a Secret,
}

/// On what terms a service may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms<'a> {
    pub version: u64,
    /// The employee on whose behalf, named or implied.
    pub employee: Option<&'a Employee>,
}

/// Decides in the contract's order. Every rule must pass.
pub fn decide_use<'a>(
    who: Recognised<'a>,
    target: Target<'a>,
    ask: Ask<'a>,
    now: Timestamp,
) -> Result<Terms<'a>, Denial> {
    let caller = recognise(who, now)?;
    let Role::Service { employees, .. } = &caller.role else {
        return Err(Denial::WrongRole);
    };
    let rules_pass = || {
        let rules = let_in(&caller.role, target)?;
        let employee = on_behalf_of(employees, ask.employee)?;
        if !rules.employees.is_empty() && !employee.is_some_and(|each| rules.employees.contains(each)) {
            return Err(Denial::EmployeeNotAllowed);
        }
        match (&rules.domains, ask.domain) {
            (Scope::Only(_), None) => return Err(Denial::DomainRequired),
            (Scope::Only(patterns), Some(domain))
                if !patterns.iter().any(|pattern| pattern.allows(domain)) =>
            {
                return Err(Denial::DomainNotAllowed);
            }
            // NETSUITE.md, API secrets: an address is no domain, it has to be listed.
            (Scope::All, Some(domain)) if domain.is_address() => return Err(Denial::AddressNotListed),
            (Scope::Only(_), Some(_)) | (Scope::All, _) => {}
        }
        if target.release == Release::UseOnly {
            return Err(Denial::UseOnly);
        }
        let version = target.secret.readable(ask.version, now).map_err(Denial::Version)?;
        Ok(Terms { version: version.number, employee })
    };
    let verdict = rules_pass();
    if target.known { verdict } else { Err(Denial::SecretUnknown) }
}

/// Decides whether a service may hear that a secret changed: only what it may use now, for at least one of its
/// employees. It names no domain and no version, and gets no value.
pub fn decide_hearing(who: Recognised, target: Target, now: Timestamp) -> Result<(), Denial> {
    let caller = recognise(who, now)?;
    let Role::Service { employees, .. } = &caller.role else {
        return Err(Denial::WrongRole);
    };
    if !target.known {
        return Err(Denial::SecretUnknown);
    }
    let rules = let_in(&caller.role, target)?;
    let for_one = rules.employees.is_empty() || employees.iter().any(|each| rules.employees.contains(each));
    if for_one { Ok(()) } else { Err(Denial::EmployeeNotAllowed) }
}

/// The rules on the service itself: record enabled, script, SuiteApp. Gives those that remain.
fn let_in<'a>(role: &Role, target: Target<'a>) -> Result<&'a Restrictions, Denial> {
    let Role::Service { script, suiteapp, .. } = role else {
        return Err(Denial::WrongRole);
    };
    if !target.enabled {
        return Err(Denial::IntegrationBlocked);
    }
    let rules = target.restrictions.ok_or(Denial::NoRestrictions)?;
    if let Scope::Only(scripts) = &rules.scripts
        && !scripts.contains(script)
    {
        return Err(Denial::ScriptNotAllowed);
    }
    if rules.suiteapp.is_some() && rules.suiteapp != *suiteapp {
        return Err(Denial::SuiteAppNotAllowed);
    }
    Ok(rules)
}

/// The one employee that a request is made for: named, or the only one the caller has.
fn on_behalf_of<'a>(
    registered: &'a [Employee],
    named: Option<&'a Employee>,
) -> Result<Option<&'a Employee>, Denial> {
    match (registered, named) {
        (_, Some(named)) if registered.contains(named) => Ok(Some(named)),
        (_, Some(_)) => Err(Denial::EmployeeNotOfCaller),
        ([], None) => Ok(None),
        ([only], None) => Ok(Some(only)),
        (_, None) => Err(Denial::EmployeeRequired),
    }
}

#[cfg(test)]
mod tests;
