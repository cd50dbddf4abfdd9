//! Enrolment: who is registered, for which key, and for how long its first certificate lives.

use jiff::SignedDuration;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::lives::Reborn;
use super::manage::Cleared;
use super::named::check_role;
use super::noun::Noun;
use super::outgoing::Departing;
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::identity::{Authority, CertificateRequest, Issued, SubjectKey};
use crate::model::{Caller, CallerName, CallerState, Pins, Role, SpiffeId};
use crate::policy::Action;
use crate::secret::Plaintext;

/// Certificates that live longer than this aren't issued to callers.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
pub(super) const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// Where a caller's certificate comes from.
pub enum CertificateSource {
    /// The vault makes a key and certifies it.
    FreshKey,
    /// The vault certifies the key in this PEM request.
    Request(String),
    /// A foreign trust domain certifies it.
    Foreign(SpiffeId),
}

/// A caller to be enrolled.
pub struct NewCaller {
    pub name: CallerName,
    pub role: Role,
    pub pins: Pins,
    pub mail: Option<String>,
    pub source: CertificateSource,
    /// None: 24 hours for a service, 90 days for an operator.
    pub valid: Option<SignedDuration>,
}

/// An enrolment, with what goes into the identity directory.
pub struct EnrolledCaller {
    pub caller: Caller,
    /// None for a foreign trust domain's caller.
    pub certificate_pem: Option<String>,
    /// Only if the vault made the key; it keeps no copy.
    pub key_pem: Option<Plaintext>,
    pub ca_pem: String,
    /// With a key, which is all that is secret of it: to be kept with the answer until it has been sent.
    pub departing: Option<Departing>,
}

impl EnrolledCaller {
    /// Begins to leave, if there is something secret in it.
    pub(super) fn departs(
        &mut self,
        begin: impl FnOnce() -> Result<Departing, VaultError>,
    ) -> Result<(), VaultError> {
        self.departing = self.key_pem.as_ref().map(|_| begin()).transpose()?;
        Ok(())
    }
}

/// How long a certificate lives unless one is told.
pub(super) fn usual_validity(role: &Role) -> SignedDuration {
    match role {
        Role::Service { .. } => SignedDuration::from_hours(24),
        Role::Operator { .. } => SignedDuration::from_hours(90 * 24),
    }
}

impl Vault {
    /// Registers a caller and certifies its key. A revoked name may be given again: to a new certificate.
    pub async fn enrol_caller(&self, asker: Asker<'_>, new: NewCaller) -> Result<EnrolledCaller, VaultError> {
        let turn = self.turn().await;
        // An enrolment is an entry of its own kind: one who may enrol could enrol a service for himself.
        let entry = Entry { subject: Some(new.name.shared()), ..asker.entry(None, "caller.add") };
        let cleared = self.clear_general(asker, Action::Callers, entry).await?;
        let names = Reborn::caller(&new.name);
        let (cleared, line, _rebirth) = self.told_until_now(cleared, names).await?;
        let prepared = self.prepare_enrolment(&cleared, new);
        let (mut cleared, mut enrolled) = cleared.prepared(prepared).await?;
        enrolled.caller.since_line = Some(line);
        cleared.entry.changes = Some(enrolment(&enrolled.caller));
        self.commit(&turn, cleared, vec![Noun::Caller(enrolled.caller.clone())]).await?;
        self.note_operators();
        enrolled.departs(|| self.departing(asker))?;
        Ok(enrolled)
    }

    fn prepare_enrolment(&self, cleared: &Cleared, new: NewCaller) -> Result<EnrolledCaller, VaultError> {
        let valid = new.valid.unwrap_or_else(|| usual_validity(&new.role));
        if !(SHORTEST..=LONGEST).contains(&valid) {
            return Err(VaultError::invalid("/valid", "is out of bounds: from 1 minute to 366 days"));
        }
        new.name.check_new().map_err(|why| VaultError::invalid("/name", why))?;
        let live = self.live();
        let Unsealed { registry, authority, .. } = live.unsealed()?;
        check_role(registry, &[], &new.role)?;
        if registry.callers.get(&new.name).is_some_and(|kept| kept.noun.is_active()) {
            let why = format!(
                "there is an active caller {0} already; replace it with: fsm-vault caller revoke {0}, then add it anew",
                new.name
            );
            return Err(VaultError::Conflict(why));
        }
        let local = SpiffeId::of_caller(authority.trust_domain(), &new.name);
        let issue = |key| authority.issue_caller(&local, key, valid, cleared.now).map_err(VaultError::from);
        let (spiffe_id, issued) = match &new.source {
            CertificateSource::FreshKey => (local.clone(), Some(issue(SubjectKey::Fresh)?)),
            CertificateSource::Request(pem) => {
                (local.clone(), Some(issue(SubjectKey::Requested(&request_of(pem)?))?))
            }
            CertificateSource::Foreign(id) => (foreign(id, authority)?, None),
        };
        let holder = registry.caller_by_spiffe_id(&spiffe_id);
        if let Some(other) = holder.filter(|other| other.name != new.name && other.is_active()) {
            let why = format!("{} is registered with that SPIFFE ID already", other.name);
            return Err(VaultError::Conflict(why));
        }
        let (certificate_pem, key_pem, keys) = match issued {
            Some(Issued { certificate_pem, key_pem, speaking }) => {
                (Some(certificate_pem), key_pem, vec![speaking])
            }
            None => (None, None, Vec::new()),
        };
        let caller = Caller {
            name: new.name,
            spiffe_id,
            role: new.role,
            pins: new.pins,
            mail: new.mail,
            keys,
            state: CallerState::Active,
            enrolled_at: cleared.now,
            enrolled_by: cleared.by.clone(),
            employee_since: None,
            since_line: None,
        };
        Ok(EnrolledCaller {
            caller,
            certificate_pem,
            key_pem,
            ca_pem: authority.certificate_pem().to_owned(),
            departing: None,
        })
    }
}

/// The ID of a foreign trust domain's caller; those of the local one are the vault's to give.
fn foreign(id: &SpiffeId, authority: &Authority) -> Result<SpiffeId, VaultError> {
    if id.trust_domain() == *authority.trust_domain() {
        let why = "is of the local trust domain, whose certificates this vault issues; leave it out";
        return Err(VaultError::invalid("/spiffe_id", why));
    }
    Ok(id.clone())
}

pub(super) fn request_of(pem: &str) -> Result<CertificateRequest, VaultError> {
    CertificateRequest::from_pem(pem.as_bytes()).map_err(|fault| VaultError::invalid("/csr", fault))
}

/// What an enrolment's entry tells of the caller: all that decides what it may do.
pub(super) fn enrolment(caller: &Caller) -> serde_json::Value {
    serde_json::json!({
        "role": caller.role,
        "pins": caller.pins,
        "spiffe_id": caller.spiffe_id,
        "serials": caller.keys.iter().map(|key| key.serial.as_str()).collect::<Vec<_>>(),
    })
}
