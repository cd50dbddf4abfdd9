//! Who may use a secret, and why not: the decision itself, tried for each service, with nothing released.

use std::sync::Arc;

use super::aside::aside;
use super::error::VaultError;
use super::gate;
use super::lifecycle::Vault;
use super::secrets::{Page, lower};
use super::session::Asker;
use super::state::Unsealed;
use crate::model::{Caller, CallerName, Denial, Domain, Employee, KeyHash, Role, SecretId, VersionWanted};
use crate::policy::{Action, Ask, Recognised, Target, decide_use};

/// Employees that a page names, at most; or one service's.
const NAMED: usize = 16 * 1024;

/// What a service would be told.
pub struct Access {
    pub caller: Arc<Caller>,
    /// If allowed, on whose behalf; empty where it doesn't matter.
    pub verdict: Result<Vec<Employee>, Denial>,
}

impl Vault {
    /// What each registered service would be told if it asked for the current version now, in its place, with its
    /// last certificate, and with this domain and employee. Without an employee, each of its own is tried.
    pub async fn try_access(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        (domain, employee): (Option<&Domain>, Option<&Employee>),
        after: Option<&CallerName>,
        limit: usize,
    ) -> Result<Page<Access>, VaultError> {
        let cleared = self.clear_secret(asker, Action::See, id, "secret.access").await?;
        // Some 100 ms where there are many rules, services and employees.
        let page = aside(|| {
            let live = self.live();
            let Unsealed { registry, .. } = live.unsealed()?;
            let target = gate::target(registry, id);
            let ask = Ask { domain, employee, version: VersionWanted::Current };
            let rest = registry.callers.range::<CallerName, _>((lower(after), std::ops::Bound::Unbounded));
            let services = rest.filter(|(_, kept)| matches!(kept.noun.role, Role::Service { .. }));
            let tried = services.map(|(_, kept)| Access {
                caller: Arc::clone(&kept.noun),
                verdict: verdict(&kept.noun, target, ask, cleared.now),
            });
            let named = |access: &Access| access.verdict.as_ref().map_or(0, Vec::len);
            Ok::<_, VaultError>(Page::within(tried, limit, NAMED, named))
        })?;
        self.looked(cleared).await?;
        Ok(page)
    }
}

fn verdict(
    caller: &Caller,
    target: Target<'_>,
    ask: Ask<'_>,
    now: jiff::Timestamp,
) -> Result<Vec<Employee>, Denial> {
    let own: &[Employee] = match &caller.role {
        Role::Service { employees, .. } => employees,
        Role::Operator { .. } => &[],
    };
    let decide = |ask| decide_use(in_place(caller), target, ask, now).map(|terms| terms.employee);
    if ask.employee.is_some() || own.len() < 2 {
        return decide(ask).map(|employee| employee.into_iter().cloned().collect());
    }
    let each: Vec<_> = own.iter().map(|employee| decide(Ask { employee: Some(employee), ..ask })).collect();
    let refused = each.iter().find_map(|verdict| verdict.as_ref().err().copied());
    let allowed: Vec<Employee> = each.into_iter().flatten().flatten().cloned().collect();
    match refused {
        Some(denial) if allowed.is_empty() => Err(denial),
        _ => Ok(allowed),
    }
}

/// The caller, connected from where its pins say, with the certificate of its that lasts longest. One of a foreign
/// trust domain has whatever its own root gives it.
fn in_place(caller: &Caller) -> Recognised<'_> {
    let key = caller.keys.iter().max_by_key(|key| key.not_after);
    Recognised {
        caller: Some(caller),
        key: key.map_or(KeyHash([0; 32]), |key| key.spki_sha256),
        serial: key.map_or("", |key| key.serial.as_str()),
        not_after: key.map_or(jiff::Timestamp::MAX, |key| key.not_after),
        peer_fits: true,
    }
}
