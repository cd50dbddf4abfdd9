//! Who sent what can't be: one who may not do it at all is told so, rather than how it is done.
//!
//! What is well-formed goes to the change itself, which decides under its turn and names in its entry what the body says.

use super::callers::exists;
use super::error::VaultError;
use super::gate::recognised;
use super::lifecycle::Vault;
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::model::{CallerName, IntegrationName, Role, SecretId};
use crate::policy::Action;

impl Vault {
    /// Decides on a change whose input is wrong as it would be decided on if it were right. `word` is the audit's for it, `of`
    /// the name in its path. A refusal is audited, and the error.
    pub async fn judge_sender(
        &self,
        asker: Asker<'_>,
        action: Action,
        word: &'static str,
        of: Option<&str>,
    ) -> Result<(), VaultError> {
        if action == Action::System && self.is_sealed() {
            return self.refuse_unknown_operator(asker, asker.entry(None, word));
        }
        let named = |noun: &str| of.filter(|_| word.starts_with(noun));
        if let Some(id) = named("secret.").and_then(|id| id.parse::<SecretId>().ok()) {
            self.clear_secret(asker, action, &id, word).await.map(drop)
        } else if let Some(name) = named("integration.").and_then(|name| name.parse::<IntegrationName>().ok())
        {
            self.clear_record(asker, &name, action, word).await.map(drop)
        } else if let Some(name) = named("caller.").and_then(|name| name.parse::<CallerName>().ok()) {
            let entry = Entry { subject: Some(name.shared()), ..asker.entry(None, word) };
            self.clear(asker, action, entry, "caller", |unsealed| exists(unsealed, &name)).await.map(drop)
        } else {
            // Of nothing that is there. Whoever may do it to what he owns has misspelled it.
            let own = |unsealed: &Unsealed| match &recognised(&unsealed.registry, asker).caller?.role {
                Role::Operator { employee, .. } => Some(vec![employee.clone()]),
                Role::Service { .. } => None,
            };
            self.clear(asker, action, asker.entry(None, word), "thing", own).await.map(drop)
        }
    }
}
