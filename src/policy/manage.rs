//! What an operator may do, by permission level and ownership.
//!
//! NETSUITE.md, Permission levels: View sees the secrets one owns; Create adds creating; Edit adds editing
//! owned ones; Full sees, edits and deletes all and manages the vault itself.

use jiff::Timestamp;

use super::recognise::{Recognised, recognise};
use crate::model::{Caller, Denial, Employee, Lacking, Level, Role};

/// Something that an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask for a list, of which only what one may see is shown.
    List,
    /// See one secret or integration.
    See,
    Create,
    Edit,
    Delete,
    /// See registrations, enrol and revoke callers.
    Callers,
    /// Read and verify the audit log.
    Audit,
    /// Count what there is, without names.
    Monitor,
    /// Seal, unseal, backup, keys.
    System,
}

/// The lowest level for an action on what one owns, and on what one doesn't.
fn takes(action: Action) -> (Level, Level) {
    match action {
        Action::List | Action::Audit | Action::Monitor => (Level::View, Level::View),
        Action::See => (Level::View, Level::Full),
        Action::Create => (Level::Create, Level::Create),
        Action::Edit => (Level::Edit, Level::Full),
        Action::Delete | Action::Callers | Action::System => (Level::Full, Level::Full),
    }
}

/// Whether the caller may do `action` to something owned by `owners`; the employee who does it, if so.
pub fn decide_manage<'a>(
    who: Recognised<'a>,
    action: Action,
    owners: &[Employee],
    now: Timestamp,
) -> Result<&'a Caller, Denial> {
    let caller = recognise(who, now)?;
    let Role::Operator { level, employee } = &caller.role else {
        return Err(Denial::WrongRole);
    };
    let (owned, foreign) = takes(action);
    let owns = owners.contains(employee);
    if *level >= (if owns { owned } else { foreign }) {
        return Ok(caller);
    }
    Err(Denial::Level(match (owned == foreign, *level >= owned) {
        (true, _) => Lacking::Level(owned),
        (false, false) => Lacking::OwnersLevel(owned),
        (false, true) => Lacking::Owning,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::recognise::tests::{at, calling, operator, service};
    use super::*;

    /// Every level × owner or not × every action: `y` where it is allowed.
    #[test]
    fn the_whole_table() {
        use Action::{Audit, Callers, Create, Delete, Edit, List, See, System};
        #[rustfmt::skip]
        let table = [
            //        View      Create    Edit      Full     (owner, other)
            (List,    ["yy",    "yy",     "yy",     "yy"]),
            (Audit,   ["yy",    "yy",     "yy",     "yy"]),
            (See,     ["yn",    "yn",     "yn",     "yy"]),
            (Create,  ["nn",    "yy",     "yy",     "yy"]),
            (Edit,    ["nn",    "nn",     "yn",     "yy"]),
            (Delete,  ["nn",    "nn",     "nn",     "yy"]),
            (Callers, ["nn",    "nn",     "nn",     "yy"]),
            (System,  ["nn",    "nn",     "nn",     "yy"]),
        ];
        let levels = [Level::View, Level::Create, Level::Edit, Level::Full];
        let owner: Employee = "7".parse().unwrap();
        let other: Employee = "8".parse().unwrap();
        for (action, rows) in table {
            for (level, row) in levels.into_iter().zip(rows) {
                let caller = operator(level);
                for (owners, expected) in [&owner, &other].into_iter().zip(row.chars()) {
                    let verdict =
                        decide_manage(calling(&caller), action, std::slice::from_ref(owners), at(1));
                    assert_eq!(verdict.is_ok(), expected == 'y', "{action:?} {level:?} {owners}");
                }
            }
        }
    }

    #[test]
    fn services_never_manage() {
        let caller = service("customscript_a", &["7"]);
        let verdict = decide_manage(calling(&caller), Action::List, &["7".parse().unwrap()], at(1));
        assert_eq!(verdict.err(), Some(Denial::WrongRole));
    }
}
