//! What a rotation stores: a value, or a pair that was given or is made up here.

use super::super::error::VaultError;
use super::super::pair::{MadeUp, PairSource, Settled, refuse_made_up};
use super::super::state::Unsealed;
use super::Rotating;
use crate::model::{Encoding, Integration, IntegrationName, SecretId, check_value};
use crate::secret::Plaintext;

/// What is to be stored, and of what it is the next version.
pub(super) enum Incoming<'a> {
    Value(&'a SecretId, Plaintext),
    Pair(&'a IntegrationName, PairSource),
}

/// What may be stored: values with their encodings, client ID first; the record, where the pair's origin changes.
pub(super) struct Settling {
    pub values: Vec<(Plaintext, Encoding)>,
    pub record: Option<Integration>,
    pub issued: Option<MadeUp>,
}

impl<'a> Incoming<'a> {
    pub fn what(&self) -> Rotating<'a> {
        match self {
            Self::Value(id, _) => Rotating::Secret(id),
            Self::Pair(name, _) => Rotating::Pair(name),
        }
    }

    pub fn settle(self, unsealed: &Unsealed) -> Result<Settling, VaultError> {
        match self {
            Self::Value(_, value) => {
                let encoding = value.lend(check_value).map_err(|why| VaultError::invalid("/value", why))?;
                Ok(Settling { values: vec![(value, encoding)], record: None, issued: None })
            }
            Self::Pair(name, source) => {
                let kept =
                    unsealed.registry.integrations.get(name).ok_or(VaultError::NotFound("integration"))?;
                let record = &*kept.noun;
                refuse_made_up(unsealed, record, &source)?;
                let Settled { halves, origin, issued } = source.settle(record.public_client, "")?;
                let changed = record.pair_origin != origin;
                let record = changed.then(|| Integration { pair_origin: origin, ..record.clone() });
                Ok(Settling { values: halves, record, issued })
            }
        }
    }
}
