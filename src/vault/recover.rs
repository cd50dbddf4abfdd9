//! A way back in when every full operator's certificate is lost or expired: offline, with the passphrase.

use std::path::Path;

use super::enrol::{enrolment, usual_validity};
use super::error::VaultError;
use super::lifecycle::Vault;
use super::noun::Noun;
use super::state::Unsealed;
use crate::audit::{Entry, Outcome};
use crate::identity::{Existing, SubjectKey, write_identity};
use crate::model::{Caller, CallerName, Itself, Pins};

/// Gives a full operator a new key, to the exclusion of those that spoke for it before, and writes the identity
/// to `out`. `name` picks the operator; the first by name unless given. The vault was unsealed locally.
pub async fn recover_operator(
    vault: &Vault,
    name: Option<&CallerName>,
    out: &Path,
) -> Result<CallerName, VaultError> {
    let turn = vault.turn().await;
    let now = vault.clock().now();
    let (caller, issued, ca_pem, log) = {
        let live = vault.live();
        let Unsealed { registry, authority, log, .. } = live.unsealed()?;
        let mut operators = registry.active_full_operators();
        let found =
            operators.find(|each| name.is_none_or(|name| *name == each.name) && !each.keys.is_empty());
        let before = found.ok_or(VaultError::NotFound("active full operator"))?;
        let valid = usual_validity(&before.role);
        let issued = authority.issue_caller(&before.spiffe_id, SubjectKey::Fresh, valid, now)?;
        // A pin may be why nobody gets in.
        let caller = Caller { keys: vec![issued.speaking.clone()], pins: Pins::default(), ..before.clone() };
        (caller, issued, authority.certificate_pem().to_owned(), std::sync::Arc::clone(log))
    };
    // Before the change: a file that can't be written must not cost the old keys.
    write_identity(out, &issued.certificate_pem, issued.key_pem.as_ref(), &ca_pem, Existing::Refuse)?;
    let entry = Entry {
        caller: Some(Itself::Offline.name().into()),
        action: "operator.recover".into(),
        subject: Some(caller.name.shared()),
        outcome: Outcome::Allowed,
        changes: Some(enrolment(&caller)),
        ..Entry::default()
    };
    let name = caller.name.clone();
    let made = vault.commit_as(&turn, &log, entry, vec![Noun::Caller(caller)]).await;
    if made.is_err() && vault.settled().is_ok() {
        // Nobody's, for certain, and in the way of the next attempt. Without its key it is no identity.
        let _ = std::fs::remove_file(out.join("key.pem"));
    }
    made?;
    drop((log, turn));
    vault.record_operators()?;
    Ok(name)
}
