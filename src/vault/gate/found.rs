//! What is asked for, as the registry has it.

use jiff::Timestamp;

use super::super::registry::{KeptSecret, Registry};
use super::super::secrets;
use super::halves::Halves;
use super::{Asked, Permit};
use crate::audit::Fingerprints;
use crate::model::{Caller, Integration, IntegrationState, Secret};
use crate::policy::{Target, Terms};

/// What was asked for, as found; or the stand-in that an unknown name is decided against.
pub(in crate::vault) struct Found<'a> {
    known: bool,
    secret: &'a Secret,
    integration: Option<&'a Integration>,
    parts: [Option<&'a KeptSecret>; 2],
}

impl<'a> Found<'a> {
    pub(in crate::vault) fn find(registry: &'a Registry, asked: Asked) -> Self {
        let found = match asked {
            Asked::Secret(id) => {
                registry.secrets.get(id).map(|kept| (registry.owner(&kept.noun), [Some(kept), None]))
            }
            Asked::Pair(name) => registry.integrations.get(name).and_then(|kept| {
                let record = &*kept.noun;
                let first = registry.secrets.get(&record.client_id_secret);
                let second = match &record.client_secret_secret {
                    // A confidential client without its client secret is none that could be served.
                    Some(id) => Some(registry.secrets.get(id)?),
                    None => None,
                };
                Some((Some(record), [first, second]))
            }),
        };
        match found {
            Some((integration, parts @ [Some(first), _])) => {
                Self { known: true, secret: &first.noun, integration, parts }
            }
            _ => Self { known: false, secret: secrets::stand_in(), integration: None, parts: [None, None] },
        }
    }

    pub(in crate::vault) fn target(&self) -> Target<'a> {
        Target {
            known: self.known,
            enabled: self.integration.is_none_or(|record| record.state == IntegrationState::Enabled),
            restrictions: match (self.integration, &self.secret.integration) {
                (Some(record), _) => record.restrictions.as_ref(),
                // Owned by a record that isn't there: nobody's.
                (None, Some(_)) => None,
                (None, None) => self.secret.restrictions.as_deref(),
            },
            release: self.secret.release,
            secret: self.secret,
        }
    }

    /// The version that readers get now.
    pub(in crate::vault) fn current(&self) -> Option<u64> {
        self.parts[0].and_then(|kept| kept.noun.current()).map(|version| version.number)
    }

    /// The secrets behind it.
    pub(super) fn halves(&self) -> Option<Halves<&'a KeptSecret>> {
        let [first, second] = self.parts;
        Some(Halves { first: first?, second })
    }

    /// None if a part has no bytes for the version, which a whole registry doesn't have.
    pub(super) fn permit(
        &self,
        caller: &Caller,
        terms: &Terms,
        generation: u64,
        now: Timestamp,
    ) -> Option<Permit> {
        let Halves { first, second } = self.halves()?;
        let (_, first) = first.at(terms.version)?;
        let second = match second {
            Some(kept) => Some(kept.at(terms.version)?.1),
            None => None,
        };
        let held = first.held.is_some() && second.is_none_or(|second| second.held.is_some());
        let large = (!held).then(|| Box::new(Halves { first: first.clone(), second: second.cloned() }));
        Some(Permit {
            caller: caller.name.clone(),
            version: terms.version,
            lies: first.key,
            generation,
            at: now,
            large,
            place: None,
        })
    }

    pub(super) fn fingerprints(&self, version: u64) -> Option<Fingerprints<'a>> {
        let of = |kept: &'a KeptSecret| kept.version(version).map_or("", |each| each.fingerprint.as_str());
        let [first, second] = self.parts;
        Some(Fingerprints { first: of(first?), second: second.map(of) })
    }
}
