//! A read that waits: held while the asker has what it would get, and let go to the gate, which decides anew.
//!
//! Nothing is opened and nothing is written down while it waits; no permit outlives the look that it was made for.

use std::time::Duration;

use tokio::time::Instant;

use super::{Asked, Weighed, recognised};
use crate::model::{Denial, IntegrationName, SecretId};
use crate::policy::Ask;
use crate::vault::error::VaultError;
use crate::vault::feed::Subject;
use crate::vault::lifecycle::Vault;
use crate::vault::session::Asker;

/// The versions that a reader has, as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It doesn't say: whatever is current when it begins to wait.
    Present,
    /// Any that there is.
    Any,
    OneOf(Vec<u64>),
}

impl Known {
    /// Whether the reader said that it has this version.
    pub fn names(&self, version: u64) -> bool {
        match self {
            Self::Present => false,
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

impl Vault {
    /// Returns when a read of the secret is to be decided: it changed, the time is over, or the asker has lost it.
    /// Who may not read it now is refused at once.
    pub async fn await_value(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        ask: Ask<'_>,
        known: &Known,
        patience: Duration,
    ) -> Result<(), VaultError> {
        self.await_change(asker, Asked::Secret(id), ask, known, patience).await
    }

    /// The same for an integration's pair.
    pub async fn await_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        ask: Ask<'_>,
        known: &Known,
        patience: Duration,
    ) -> Result<(), VaultError> {
        self.await_change(asker, Asked::Pair(name), ask, known, patience).await
    }

    async fn await_change(
        &self,
        asker: Asker<'_>,
        asked: Asked<'_>,
        ask: Ask<'_>,
        known: &Known,
        patience: Duration,
    ) -> Result<(), VaultError> {
        let deadline = Instant::now() + patience;
        let first = self.first_look(asker, asked, ask).await?;
        let waits_on =
            |version| if *known == Known::Present { version == first } else { known.names(version) };
        let interest = self.feed.interest(self.subjects(asker, asked)?);
        loop {
            match self.weigh(asker, asked, ask)?.verdict {
                Ok(permit) if waits_on(permit.version) => {}
                _ => return Ok(()),
            }
            tokio::select! {
                () = interest.woken() => {}
                () = tokio::time::sleep_until(deadline) => return Ok(()),
                () = tokio::time::sleep(self.until_expiry(asker)) => return Ok(()),
            }
        }
    }

    /// The version that the asker would get now; its refusal is audited. Lets go of the log, which a seal waits for.
    async fn first_look(&self, asker: Asker<'_>, asked: Asked<'_>, ask: Ask<'_>) -> Result<u64, VaultError> {
        let Weighed { verdict, entry, log } = self.weigh(asker, asked, ask)?;
        match verdict {
            Ok(permit) => Ok(permit.version),
            Err(denial) => {
                log.append_denial(entry).await?;
                Err(denial.into())
            }
        }
    }

    /// What may end the wait.
    fn subjects(&self, asker: Asker, asked: Asked) -> Result<Vec<Subject>, Denial> {
        let live = self.live();
        let registry = &live.unsealed()?.registry;
        let caller = recognised(registry, asker).caller.map(|caller| Subject::Caller(caller.name.clone()));
        let subject = match asked {
            Asked::Secret(id) => Subject::Secret(id.clone()),
            Asked::Pair(name) => Subject::Integration(name.clone()),
        };
        Ok(std::iter::once(subject).chain(caller).collect())
    }

    /// How long the asker's certificate is still good for.
    pub(in crate::vault) fn until_expiry(&self, asker: Asker) -> Duration {
        let left = asker.session.presented.not_after.duration_since(self.clock.now());
        left.try_into().unwrap_or_default()
    }
}
