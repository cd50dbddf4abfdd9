//! Who enrolled a service and also writes what it reads, where another could have done it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Caller, CallerName, Role, Scope as Allowed, ScriptId, Secret};
use crate::policy::notices::{Occasion, of_separation};
use crate::vault::registry::Registry;

/// Services by their script, for whom nothing was found yet.
pub(super) type Unseparated = HashMap<ScriptId, Vec<Arc<Caller>>>;

/// Active services whose enrolment another full operator could have done.
pub(super) fn unseparated(registry: &Registry) -> Unseparated {
    let mut by_script = Unseparated::new();
    for kept in registry.callers.values() {
        let caller = &kept.noun;
        let others = || registry.active_full_operators().any(|other| other.name != caller.enrolled_by);
        if let Role::Service { script, .. } = &caller.role
            && caller.is_active()
            && others()
        {
            by_script.entry(script.clone()).or_default().push(Arc::clone(caller));
        }
    }
    by_script
}

/// Once for each service: the first secret made for its script by whoever enrolled it.
pub(super) fn separate(
    registry: &Registry,
    secret: &Secret,
    services: &mut Unseparated,
    found: &mut Vec<Occasion>,
) {
    if services.is_empty() {
        return;
    }
    let rules = match &secret.integration {
        Some(_) => registry.owner(secret).and_then(|record| record.restrictions.as_ref()),
        None => secret.restrictions.as_deref(),
    };
    let Some(Allowed::Only(scripts)) = rules.map(|rules| &rules.scripts) else { return };
    let wrote = |who: &CallerName| {
        secret.created_by == *who || secret.versions.iter().any(|version| version.created_by == *who)
    };
    for script in scripts {
        if let Some(those) = services.get_mut(script) {
            those.retain(|service| {
                let alone = wrote(&service.enrolled_by);
                if alone {
                    found.push(of_separation(service, secret));
                }
                !alone
            });
        }
    }
}
