//! What many secrets say alike is kept once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::{CallerName, DomainPattern, Employee, Restrictions, Scope, ScriptId, Secret};

/// Words of a kind that are looked for in common; a vault where all differ gains nothing by it.
const MOST_WORDS: usize = 10_000;

/// Words and rules that many secrets have in common, each kept once.
#[derive(Default)]
pub(super) struct Words {
    callers: HashSet<CallerName>,
    employees: HashSet<Employee>,
    scripts: HashSet<ScriptId>,
    domains: HashSet<DomainPattern>,
    rules: HashSet<Arc<Restrictions>>,
}

impl Words {
    /// Puts the words that are known already in the place of the secret's own.
    pub fn share(&mut self, secret: &mut Secret) {
        share(&mut self.callers, &mut secret.created_by);
        secret.versions.iter_mut().for_each(|version| share(&mut self.callers, &mut version.created_by));
        secret.owners.iter_mut().for_each(|owner| share(&mut self.employees, owner));
        let Some(shared) = &mut secret.restrictions else { return };
        if let Some(known) = self.rules.get(shared) {
            *shared = Arc::clone(known);
            return;
        }
        let rules = Arc::make_mut(shared);
        rules.employees.iter_mut().for_each(|employee| share(&mut self.employees, employee));
        if let Scope::Only(scripts) = &mut rules.scripts {
            scripts.iter_mut().for_each(|script| share(&mut self.scripts, script));
        }
        if let Scope::Only(domains) = &mut rules.domains {
            domains.iter_mut().for_each(|domain| share(&mut self.domains, domain));
        }
        share(&mut self.rules, shared);
    }
}

fn share<T: Clone + Eq + Hash>(known: &mut HashSet<T>, word: &mut T) {
    if let Some(shared) = known.get(word) {
        *word = shared.clone();
    } else if known.len() < MOST_WORDS {
        known.insert(word.clone());
    }
}
