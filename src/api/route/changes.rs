//! What a call changes, by its path: enough to know who may, whatever the body says.

use super::Call;
use crate::policy::Action;

impl Call<'_> {
    /// What a change takes, the audit's word for it, and the name in its path. None: it changes nothing, or nothing but the own certificate.
    pub fn changes(&self) -> Option<(Action, &'static str, Option<&str>)> {
        use Action::{Callers, Create, Delete, Edit, System};
        Some(match *self {
            Self::CreateSecret => (Create, "secret.create", None),
            Self::Import => (Create, "secret.import", None),
            Self::EditSecret(id) => (Edit, "secret.edit", Some(id)),
            Self::DeleteSecret(id) => (Delete, "secret.delete", Some(id)),
            Self::Rotate(id) => (Edit, "secret.rotate", Some(id)),
            Self::Activate((id, _)) => (Edit, "secret.activate", Some(id)),
            Self::Retire((id, _)) => (Edit, "secret.retire", Some(id)),
            Self::CreateIntegration => (Create, "integration.create", None),
            Self::EditIntegration(name) => (Edit, "integration.edit", Some(name)),
            Self::DeleteIntegration(name) => (Delete, "integration.delete", Some(name)),
            Self::RotatePair(name) => (Edit, "integration.rotate", Some(name)),
            Self::ActivatePair((name, _)) => (Edit, "integration.activate", Some(name)),
            Self::RetirePair((name, _)) => (Edit, "integration.retire", Some(name)),
            Self::ResetPair(name) => (Edit, "integration.reset", Some(name)),
            // Nothing is wrong with it but an ID that no notice has.
            Self::Acknowledge(_) => (Edit, "notice.acknowledge", None),
            Self::Enrol => (Callers, "caller.add", None),
            Self::EditCaller(name) => (Callers, "caller.edit", Some(name)),
            Self::Revoke(name) => (Callers, "caller.revoke", Some(name)),
            Self::Certify(name) => (Callers, "caller.certify", Some(name)),
            Self::Seal => (System, "vault.seal", None),
            Self::Unseal => (System, "vault.unseal", None),
            Self::ChangePassphrase => (System, "vault.passphrase", None),
            Self::AddKeySlot => (System, "keyslot.add", None),
            Self::RemoveKeySlot(_) => (System, "keyslot.remove", None),
            Self::Rekey => (System, "vault.rekey", None),
            Self::Backup => (System, "backup.create", None),
            Self::Describe
            | Self::Status
            | Self::Metrics
            | Self::KeySlots
            | Self::Secrets
            | Self::Secret(_)
            | Self::Notes(_)
            | Self::Consumers(_)
            | Self::Access(_)
            | Self::Value(_)
            | Self::Integrations
            | Self::Integration(_)
            | Self::Credentials(_)
            | Self::Callers
            | Self::Caller(_)
            | Self::Renew
            | Self::Notices
            | Self::Audit
            | Self::VerifyAudit
            | Self::Watch => return None,
        })
    }
}
