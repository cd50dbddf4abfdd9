//! More certificates for who is registered: by itself, or by a full operator.

use jiff::{SignedDuration, Timestamp};

use super::callers::exists;
use super::enrol::{EnrolledCaller, LONGEST, SHORTEST, enrolment, request_of, usual_validity};
use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::noun::Noun;
use super::session::Asker;
use super::state::Unsealed;
use super::turn::Turn;
use crate::audit::Entry;
use crate::identity::{Authority, Presented, SubjectKey};
use crate::model::{Caller, CallerName};
use crate::policy::Action;

/// Keys that may speak for one caller at a time: while it renews, the old and the new. The rest is for answers that never
/// arrived.
const MOST_KEYS: usize = 8;

impl Vault {
    /// A new certificate for the asker itself, for the key in `request`; the old one speaks until it expires. Where there are
    /// as many as may be, the oldest but the asker's own ends now: who lost the answers must not be locked out.
    ///
    /// # Errors
    /// [`VaultError::Conflict`] for a caller that its own trust domain certifies; [`VaultError::Invalid`] for a life longer than
    /// such a caller usually gets.
    pub async fn renew_identity(
        &self,
        asker: Asker<'_>,
        request: &str,
        valid: Option<SignedDuration>,
    ) -> Result<EnrolledCaller, VaultError> {
        // However many it asks for at once, one of them stands in the queue of all.
        let first = asker.session.share.renew().await;
        let turn = self.turn().await;
        let cleared = self.clear_any(asker, asker.entry(None, "caller.renew")).await?;
        let prepared = self.prepare_renewal(&cleared, &asker.session.presented, request, valid);
        let (mut cleared, certified) = cleared.prepared(prepared).await?;
        cleared.entry.subject = Some(certified.enrolled.caller.name.shared());
        cleared.entry.changes = Some(enrolment(&certified.enrolled.caller));
        self.commit(&turn, cleared, certified.nouns()).await?;
        let enrolled = self.certified(turn, certified);
        drop(first);
        Ok(enrolled.await)
    }

    /// A new certificate for a caller that is registered, whose own ones may all have ended: for the key in `request`, or for one
    /// that the vault makes and keeps no copy of. Its others speak until they expire; where there are as many as may be, the oldest
    /// ends now. What the caller may do stays as it was registered.
    ///
    /// # Errors
    /// [`VaultError::Conflict`] for a caller that is revoked or that its own trust domain certifies; [`VaultError::Invalid`] for a
    /// life that an enrolment wouldn't give either.
    pub async fn certify_caller(
        &self,
        asker: Asker<'_>,
        name: &CallerName,
        request: Option<&str>,
        valid: Option<SignedDuration>,
    ) -> Result<EnrolledCaller, VaultError> {
        let turn = self.turn().await;
        // An entry of its own kind: one who may certify could speak for any caller.
        let entry = Entry { subject: Some(name.shared()), ..asker.entry(None, "caller.certify") };
        let cleared =
            self.clear(asker, Action::Callers, entry, "caller", |unsealed| exists(unsealed, name)).await?;
        let prepared = self.prepare_certification(&cleared, name, &asker.session.presented, request, valid);
        let (mut cleared, certified) = cleared.prepared(prepared).await?;
        cleared.entry.changes = Some(enrolment(&certified.enrolled.caller));
        self.commit(&turn, cleared, certified.nouns()).await?;
        let mut enrolled = self.certified(turn, certified).await;
        enrolled.departs(|| self.departing(asker))?;
        Ok(enrolled)
    }

    /// What follows once it is stored. Others needn't wait for what leaves of a certificate that ends.
    async fn certified(&self, turn: Turn<'_>, certified: Certified) -> EnrolledCaller {
        self.note_operators();
        drop(turn);
        if certified.ended {
            self.departures.recall().await;
        }
        certified.enrolled
    }

    fn prepare_renewal(
        &self,
        cleared: &Cleared<()>,
        presented: &Presented,
        request: &str,
        valid: Option<SignedDuration>,
    ) -> Result<Certified, VaultError> {
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
        Certified::of(authority, caller, SubjectKey::Requested(&request), valid, presented, cleared.now)
    }

    fn prepare_certification(
        &self,
        cleared: &Cleared,
        name: &CallerName,
        presented: &Presented,
        request: Option<&str>,
        valid: Option<SignedDuration>,
    ) -> Result<Certified, VaultError> {
        let request = request.map(request_of).transpose()?;
        let live = self.live();
        let Unsealed { registry, authority, .. } = live.unsealed()?;
        let caller = &registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?.noun;
        if !caller.is_active() {
            return Err(VaultError::Conflict(format!(
                "{name} is revoked; to let it in again, add it anew: fsm-vault caller add {name} …"
            )));
        }
        if caller.keys.is_empty() {
            return Err(VaultError::Conflict(format!("{name} is certified by its own trust domain")));
        }
        let valid = valid.unwrap_or_else(|| usual_validity(&caller.role));
        if !(SHORTEST..=LONGEST).contains(&valid) {
            return Err(VaultError::invalid("/valid", "is out of bounds: from 1 minute to 366 days"));
        }
        let key = request.as_ref().map_or(SubjectKey::Fresh, SubjectKey::Requested);
        Certified::of(authority, caller, key, valid, presented, cleared.now)
    }
}

/// A caller with one certificate more.
struct Certified {
    enrolled: EnrolledCaller,
    /// One that was still valid has made room.
    ended: bool,
}

impl Certified {
    fn of(
        authority: &Authority,
        caller: &Caller,
        key: SubjectKey<'_>,
        valid: SignedDuration,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Self, VaultError> {
        let mut caller = Caller::clone(caller);
        caller.keys.retain(|key| key.not_after > now);
        // Nobody has written down which of them were ever used, but for the asker's.
        let oldest = caller.keys.iter().position(|key| key.serial != presented.serial);
        let ends = oldest.filter(|_| caller.keys.len() >= MOST_KEYS);
        if let Some(oldest) = ends {
            caller.keys.remove(oldest);
        }
        let issued = authority.issue_caller(&caller.spiffe_id, key, valid, now)?;
        caller.keys.push(issued.speaking);
        let enrolled = EnrolledCaller {
            caller,
            certificate_pem: Some(issued.certificate_pem),
            key_pem: issued.key_pem,
            departing: None,
            ca_pem: authority.certificate_pem().to_owned(),
        };
        Ok(Self { enrolled, ended: ends.is_some() })
    }

    fn nouns(&self) -> Vec<Noun> {
        vec![Noun::Caller(self.enrolled.caller.clone())]
    }
}
