//! What operators do: decided by level and ownership, audited like every release.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::VaultError;
use super::gate::recognised;
use super::lifecycle::Vault;
use super::lives::Lives;
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::{Entry, Log, Outcome};
use crate::model::{CallerName, Denial, Employee, IntegrationName, Level, Role, SecretId};
use crate::policy::{Action, decide_manage, recognise};

/// A caller who may do what was asked, and the entry that says so, not yet written.
#[must_use]
pub(super) struct Cleared<R = Rights> {
    pub by: CallerName,
    pub rights: R,
    pub now: Timestamp,
    pub entry: Entry,
    pub log: Arc<Log>,
    /// What the decision was made on.
    pub lives: Lives,
}

/// What an operator brings.
pub(super) struct Rights {
    pub employee: Employee,
    pub level: Level,
}

impl Cleared {
    /// Whether this operator sees what these employees own.
    pub fn sees(&self, owners: &[Employee]) -> bool {
        self.rights.level == Level::Full || owners.contains(&self.rights.employee)
    }
}

impl<R> Cleared<R> {
    /// Goes on with what was prepared. What is refused after the decision (invalid input, a conflict) is an entry too.
    pub async fn prepared<T>(self, outcome: Result<T, VaultError>) -> Result<(Self, T), VaultError> {
        match outcome {
            Ok(prepared) => Ok((self, prepared)),
            Err(error) => {
                let reason = Some(error.reason().into());
                self.log.append(Entry { outcome: Outcome::Failed, reason, ..self.entry }).await?;
                Err(error)
            }
        }
    }
}

impl Vault {
    /// Decides whether the asker may do `action`. `owners` tells whose it is; `None`: there is no such thing.
    /// A refusal is audited here. One who may not see a thing is told the same as if it weren't there.
    pub(super) async fn clear(
        &self,
        asker: Asker<'_>,
        action: Action,
        entry: Entry,
        noun: &'static str,
        owners: impl FnOnce(&Unsealed) -> Option<Vec<Employee>>,
    ) -> Result<Cleared, VaultError> {
        let facts =
            |unsealed: &Unsealed| owners(unsealed).map_or((Vec::new(), false), |owners| (owners, true));
        self.clear_if_there(asker, action, entry, noun, facts).await
    }

    /// The same for what has owners also where it isn't there. `facts` tells them, and whether it is.
    pub(super) async fn clear_if_there(
        &self,
        asker: Asker<'_>,
        action: Action,
        entry: Entry,
        noun: &'static str,
        facts: impl FnOnce(&Unsealed) -> (Vec<Employee>, bool),
    ) -> Result<Cleared, VaultError> {
        let (verdict, mut entry, log, lives) = {
            let live = self.live();
            let unsealed = live.unsealed()?;
            let now = self.clock.now();
            let who = recognised(&unsealed.registry, asker);
            let (owners, known) = facts(unsealed);
            let verdict = decide_manage(who, action, &owners, now).and_then(|caller| match &caller.role {
                Role::Operator { level, employee } => {
                    let rights = Rights { employee: employee.clone(), level: *level };
                    Ok((known, caller.name.clone(), rights, now))
                }
                Role::Service { .. } => Err(Denial::WrongRole),
            });
            let named = asker.entry(who.caller, "");
            let entry = Entry { caller: named.caller, ..entry };
            let lives = Lives::of(&unsealed.registry, &entry);
            (verdict, entry, Arc::clone(&unsealed.log), lives)
        };
        match verdict {
            Ok((true, by, rights, now)) => {
                entry.outcome = Outcome::Allowed;
                Ok(Cleared { by, rights, now, entry, log, lives })
            }
            Ok((false, ..)) => {
                entry.outcome = Outcome::Denied;
                entry.reason = Some("not_found".into());
                log.append_denial(entry).await?;
                Err(VaultError::NotFound(noun))
            }
            Err(denial) => {
                entry.outcome = Outcome::Denied;
                entry.reason = Some(denial.reason().into());
                log.append_denial(entry).await?;
                let hidden = action == Action::See && matches!(denial, Denial::Level(_));
                Err(if hidden { VaultError::NotFound(noun) } else { denial.into() })
            }
        }
    }

    /// [`Self::clear`] for what is nobody's in particular.
    pub(super) async fn clear_general(
        &self,
        asker: Asker<'_>,
        action: Action,
        entry: Entry,
    ) -> Result<Cleared, VaultError> {
        self.clear(asker, action, entry, "thing", |_| Some(Vec::new())).await
    }

    /// For what every registered, active caller in its place may do, of either role. A refusal is audited.
    pub(super) async fn clear_any(&self, asker: Asker<'_>, entry: Entry) -> Result<Cleared<()>, VaultError> {
        let (verdict, entry, log, lives) = {
            let live = self.live();
            let unsealed = live.unsealed()?;
            let now = self.clock.now();
            let who = recognised(&unsealed.registry, asker);
            let verdict = recognise(who, now).map(|caller| (caller.name.clone(), now));
            let named = asker.entry(who.caller, "");
            let entry = Entry { caller: named.caller, ..entry };
            let lives = Lives::of(&unsealed.registry, &entry);
            (verdict, entry, Arc::clone(&unsealed.log), lives)
        };
        match verdict {
            Ok((by, now)) => {
                let entry = Entry { outcome: Outcome::Allowed, ..entry };
                Ok(Cleared { by, rights: (), now, entry, log, lives })
            }
            Err(denial) => {
                let reason = Some(denial.reason().into());
                log.append_denial(Entry { outcome: Outcome::Denied, reason, ..entry }).await?;
                Err(denial.into())
            }
        }
    }

    /// For a look that was allowed and written down, and whose answer there was no room for: an entry that says so. `of`
    /// is the name of what was looked at.
    pub async fn look_came_to_nothing(
        &self,
        asker: Asker<'_>,
        action: &'static str,
        of: Option<&str>,
    ) -> Result<(), VaultError> {
        let (entry, log) = {
            let live = self.live();
            let unsealed = live.unsealed()?;
            let who = recognised(&unsealed.registry, asker);
            (asker.entry(who.caller, action), Arc::clone(&unsealed.log))
        };
        let mut entry = Entry { outcome: Outcome::Failed, reason: Some("no_room".into()), ..entry };
        // It was found, so that it can be read; spelled otherwise it is the same.
        match action.split_once('.').map_or(action, |(noun, _)| noun) {
            "secret" => entry.secret = of.and_then(|id| id.parse().ok()).map(|id: SecretId| id.shared()),
            "integration" => {
                entry.integration =
                    of.and_then(|name| name.parse().ok()).map(|name: IntegrationName| name.shared());
            }
            _ => entry.subject = of.map(Into::into),
        }
        log.append(entry).await?;
        Ok(())
    }

    /// Whether the asker is one of ours, before anything that it sends is read. Only a refusal is audited.
    pub async fn greet(&self, asker: Asker<'_>, action: &'static str) -> Result<(), VaultError> {
        self.clear_any(asker, asker.entry(None, action)).await.map(|_| ())
    }
}
