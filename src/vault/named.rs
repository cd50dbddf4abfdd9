//! Employees that a change names: a new name has nothing in it that nobody sees, and one from before goes on.

use super::error::VaultError;
use super::registry::Registry;
use crate::model::{Employee, Restrictions, Role};

/// Refuses employees that look like another one, unless they were named there `before`, or somebody is registered for
/// them: such names were taken once, and whoever has one is to be named as he is.
pub(super) fn check_employees(
    registry: &Registry,
    before: &[Employee],
    named: &[Employee],
    pointer: &str,
) -> Result<(), VaultError> {
    let wrong = named.iter().filter_map(|each| Some((each, each.check_new().err()?)));
    let mut new = wrong.filter(|(each, _)| !before.contains(each) && !is_registered(registry, each));
    new.next().map_or(Ok(()), |(_, why)| Err(VaultError::invalid(pointer, why)))
}

/// The same of the employees of a registration.
pub(super) fn check_role(registry: &Registry, before: &[Employee], role: &Role) -> Result<(), VaultError> {
    let pointer = match role {
        Role::Service { .. } => "/service/employees",
        Role::Operator { .. } => "/operator/employee",
    };
    check_employees(registry, before, role.employees(), pointer)
}

/// The same of the employees of rules.
pub(super) fn check_rules(
    registry: &Registry,
    before: Option<&Restrictions>,
    rules: Option<&Restrictions>,
) -> Result<(), VaultError> {
    check_employees(registry, employees(before), employees(rules), "/restrictions/employees")
}

fn employees(rules: Option<&Restrictions>) -> &[Employee] {
    rules.map_or(&[], |rules| &rules.employees)
}

fn is_registered(registry: &Registry, employee: &Employee) -> bool {
    registry.callers.values().any(|kept| kept.noun.role.employees().contains(employee))
}
