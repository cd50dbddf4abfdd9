//! Edits of registrations: what a caller is may change, its name and whether it serves or operates may not.

use super::callers::{SeenCaller, exists, refuse_last};
use super::difference::difference;
use super::error::VaultError;
use super::lifecycle::Vault;
use super::lives::Reborn;
use super::manage::Cleared;
use super::named::check_role;
use super::noun::Noun;
use super::revision::IfMatch;
use super::session::Asker;
use crate::audit::Entry;
use crate::model::{Caller, CallerName, Employee, Level, Role, ScriptId, SuiteAppId, UnitName};
use crate::policy::Action;

/// What shall be different. None: it stays; an inner None: it goes.
#[derive(Default)]
pub struct CallerEdit {
    pub role: Option<RoleEdit>,
    pub uid: Option<Option<u32>>,
    pub unit: Option<Option<UnitName>>,
    pub mail: Option<Option<String>>,
}

/// Of a service or of an operator; one doesn't become the other.
pub enum RoleEdit {
    Service {
        script: Option<ScriptId>,
        employees: Option<Vec<Employee>>,
        suiteapp: Option<Option<SuiteAppId>>,
    },
    Operator {
        level: Option<Level>,
        employee: Option<Employee>,
    },
}

/// Fields of a registration that the audit log doesn't repeat.
const HIDDEN: &[&str] = &["mail"];

impl Vault {
    /// Changes a registration: it holds from the caller's next request on, on open connections too.
    pub async fn edit_caller(
        &self,
        asker: Asker<'_>,
        name: &CallerName,
        if_match: &IfMatch,
        edit: CallerEdit,
    ) -> Result<SeenCaller, VaultError> {
        let turn = self.turn().await;
        let entry = Entry { subject: Some(name.shared()), ..asker.entry(None, "caller.edit") };
        let cleared =
            self.clear(asker, Action::Callers, entry, "caller", |unsealed| exists(unsealed, name)).await?;
        let (cleared, line, rebirth) = self.told_until_now(cleared, Reborn::caller(name)).await?;
        let prepared = self.prepare_edit(asker, &cleared, name, if_match, edit);
        let (mut cleared, (before, mut after)) = cleared.prepared(prepared).await?;
        cleared.entry.changes = difference(&*before.caller, &after, HIDDEN);
        // After that: the entry has a time of its own.
        if after.employee() != before.caller.employee() {
            (after.employee_since, after.since_line) = (Some(cleared.now), Some(line));
        }
        if cleared.entry.changes.is_none() {
            cleared.entry.reason = Some("unchanged".into());
            drop(rebirth);
            self.looked(cleared).await?;
            return Ok(before);
        }
        self.commit(&turn, cleared, vec![Noun::Caller(after)]).await?;
        drop(rebirth);
        self.note_operators();
        let edited = {
            let live = self.live();
            SeenCaller::of(live.unsealed()?.registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?)
        };
        // Others needn't wait for what leaves.
        drop(turn);
        self.departures.recall().await;
        Ok(edited)
    }

    fn prepare_edit(
        &self,
        asker: Asker<'_>,
        cleared: &Cleared,
        name: &CallerName,
        if_match: &IfMatch,
        edit: CallerEdit,
    ) -> Result<(SeenCaller, Caller), VaultError> {
        let live = self.live();
        let registry = &live.unsealed()?.registry;
        let before = SeenCaller::of(registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?);
        if_match.check(&before.revision)?;
        if !before.caller.is_active() {
            let why = format!("{name} is revoked; register it anew with: fsm-vault caller add {name}");
            return Err(VaultError::Conflict(why));
        }
        let mut after = Caller::clone(&before.caller);
        if let Some(role) = edit.role {
            role.apply(&mut after.role)?;
            check_role(registry, before.caller.role.employees(), &after.role)?;
        }
        after.pins.uid = edit.uid.unwrap_or(after.pins.uid);
        after.pins.unit = edit.unit.unwrap_or(after.pins.unit);
        after.mail = edit.mail.unwrap_or(after.mail);
        let loses = !after.is_active_full_operator() || after.pins != before.caller.pins;
        if before.caller.is_active_full_operator() && loses {
            refuse_last(registry, name, Some(&after), asker, cleared.now)?;
        }
        Ok((before, after))
    }
}

impl RoleEdit {
    fn apply(self, role: &mut Role) -> Result<(), VaultError> {
        match (self, role) {
            (
                Self::Service { script, employees, suiteapp },
                Role::Service { script: s, employees: e, suiteapp: a },
            ) => {
                script.into_iter().for_each(|new| *s = new);
                employees.into_iter().for_each(|new| *e = new);
                suiteapp.into_iter().for_each(|new| *a = new);
                Ok(())
            }
            (Self::Operator { level, employee }, Role::Operator { level: l, employee: e }) => {
                level.into_iter().for_each(|new| *l = new);
                employee.into_iter().for_each(|new| *e = new);
                Ok(())
            }
            (Self::Service { .. }, Role::Operator { .. }) => Err(VaultError::invalid(
                "/service",
                "can't be given to an operator: register a service beside it",
            )),
            (Self::Operator { .. }, Role::Service { .. }) => Err(VaultError::invalid(
                "/operator",
                "can't be given to a service: register an operator beside it",
            )),
        }
    }
}
