//! Enrolment and renewal: who gets a certificate, for which key, for how long.

use jiff::SignedDuration;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::lives::Reborn;
use super::manage::Cleared;
use super::named::check_role;
use super::noun::Noun;
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::identity::{Authority, CertificateRequest, Issued, Presented, SubjectKey};
use crate::model::{Caller, CallerName, CallerState, Pins, Role, SpiffeId};
use crate::policy::Action;
use crate::secret::Plaintext;

/// Certificates that live longer than this aren't issued to callers.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// Keys that may speak for one caller at a time: while it renews, the old and the new. The rest is for answers that never
/// arrived.
const MOST_KEYS: usize = 8;

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
        })
    }

    /// A new certificate for the asker itself, for the key in `request`; the old one speaks until it expires. Where there are
    /// as many as may be, the oldest but the asker's own ends now: who lost the answers must not be locked out.
    pub async fn renew_identity(
        &self,
        asker: Asker<'_>,
        request: &str,
        valid: Option<SignedDuration>,
    ) -> Result<EnrolledCaller, VaultError> {
        let turn = self.turn().await;
        let cleared = self.clear_any(asker, asker.entry(None, "caller.renew")).await?;
        let prepared = self.prepare_renewal(&cleared, &asker.session.presented, request, valid);
        let (mut cleared, (enrolled, ended)) = cleared.prepared(prepared).await?;
        cleared.entry.subject = Some(enrolled.caller.name.shared());
        cleared.entry.changes = Some(enrolment(&enrolled.caller));
        self.commit(&turn, cleared, vec![Noun::Caller(enrolled.caller.clone())]).await?;
        if ended {
            self.departures.recall().await;
        }
        self.note_operators();
        Ok(enrolled)
    }

    /// The caller as it will be, and whether one of its certificates that is still valid ends.
    fn prepare_renewal(
        &self,
        cleared: &Cleared<()>,
        presented: &Presented,
        request: &str,
        valid: Option<SignedDuration>,
    ) -> Result<(EnrolledCaller, bool), VaultError> {
        let request = request_of(request)?;
        let live = self.live();
        let Unsealed { registry, authority, .. } = live.unsealed()?;
        let caller = &registry.callers.get(&cleared.by).ok_or(VaultError::NotFound("caller"))?.noun;
        if caller.keys.is_empty() {
            let why = format!("{} is certified by its own trust domain; renew it there", caller.name);
            return Err(VaultError::Conflict(why));
        }
        let usual = usual_validity(&caller.role);
        let valid = valid.unwrap_or(usual);
        if !(SHORTEST..=usual).contains(&valid) {
            let most = match usual.as_hours() {
                hours if hours > 24 => format!("{} days", hours / 24),
                hours => format!("{hours} hours"),
            };
            let why = format!("is out of bounds: from 1 minute to {most}, as long as it is usually given");
            return Err(VaultError::invalid("/valid", why));
        }
        let mut caller = Caller::clone(caller);
        caller.keys.retain(|key| key.not_after > cleared.now);
        // Nobody has written down which of them were ever used, but for the asker's.
        let ends = (caller.keys.len() >= MOST_KEYS)
            .then(|| caller.keys.iter().position(|key| key.serial != presented.serial))
            .flatten();
        if let Some(oldest) = ends {
            caller.keys.remove(oldest);
        }
        let key = SubjectKey::Requested(&request);
        let issued = authority.issue_caller(&caller.spiffe_id, key, valid, cleared.now)?;
        caller.keys.push(issued.speaking);
        let (certificate_pem, ca_pem) =
            (Some(issued.certificate_pem), authority.certificate_pem().to_owned());
        Ok((EnrolledCaller { caller, certificate_pem, key_pem: None, ca_pem }, ends.is_some()))
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

fn request_of(pem: &str) -> Result<CertificateRequest, VaultError> {
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
