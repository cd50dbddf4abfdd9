//! Employees that look like others: none is new, and those from before go on.

use super::super::*;
use super::lives::registered_before;
use super::site::*;
use crate::model::{Employee, Level, Pins, Restrictions, RestrictionsForm, Role};
use crate::policy::Ask;

/// Looks like `ann`.
const UNSEEN: &str = "ann\u{200b}";
const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

fn unseen() -> Employee {
    UNSEEN.parse().unwrap()
}

fn rules() -> Restrictions {
    let employees = vec!["ann".to_owned(), UNSEEN.to_owned()];
    let form = RestrictionsForm {
        allow_all_scripts: true,
        allow_all_domains: true,
        employees,
        ..RestrictionsForm::default()
    };
    form.check("").unwrap()
}

fn service(employees: Vec<Employee>) -> Role {
    Role::Service { script: "customscript_a".parse().unwrap(), employees, suiteapp: None }
}

/// Where it was refused.
fn refused<T>(outcome: Result<T, VaultError>) -> String {
    match outcome {
        Err(VaultError::Invalid(wrong)) => {
            assert!(wrong.len() == 1 && wrong[0].detail.contains("can't be seen"), "{wrong:?}");
            wrong[0].pointer.clone()
        }
        Err(other) => panic!("another refusal: {other}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[tokio::test]
async fn nobody_new_looks_like_another() {
    let site = Site::with_fsm().await;
    site.secret("_a", "x", OPEN).await.unwrap();
    site.service("fsm", "customscript_a", &["ann"]).await;
    site.operator("o", Level::Edit, "ann").await;
    let enrol = async |role| {
        let (name, source) = ("new".parse().unwrap(), CertificateSource::FreshKey);
        let new = NewCaller { name, role, pins: Pins::default(), mail: None, source, valid: None };
        refused(site.vault.enrol_caller(site.admin(), new).await)
    };
    assert_eq!(enrol(service(vec![unseen()])).await, "/service/employees");
    assert_eq!(enrol(Role::Operator { level: Level::View, employee: unseen() }).await, "/operator/employee");
    let edit = async |name: &str, role| {
        let edit = CallerEdit { role: Some(role), ..CallerEdit::default() };
        refused(site.vault.edit_caller(site.admin(), &name.parse().unwrap(), &IfMatch::Any, edit).await)
    };
    let employees = Some(vec!["ann".parse().unwrap(), unseen()]);
    assert_eq!(
        edit("fsm", RoleEdit::Service { script: None, employees, suiteapp: None }).await,
        "/service/employees"
    );
    let employee = Some(unseen());
    assert_eq!(edit("o", RoleEdit::Operator { level: None, employee }).await, "/operator/employee");

    let make = async |new| refused(site.vault.create_secret(site.admin(), new).await);
    let blank = || new_secret("_b", "x", OPEN);
    assert_eq!(make(NewSecret { owners: vec![unseen()], ..blank() }).await, "/owners");
    assert_eq!(make(NewSecret { restrictions: rules(), ..blank() }).await, "/restrictions/employees");
    let change = async |edit| {
        let id = "_a".parse().unwrap();
        refused(site.vault.edit_secret(site.admin(), &id, edit, &IfMatch::Any).await)
    };
    assert_eq!(change(SecretEdit { owners: Some(vec![unseen()]), ..SecretEdit::default() }).await, "/owners");
    let edit = SecretEdit { restrictions: Some(rules()), ..SecretEdit::default() };
    assert_eq!(change(edit).await, "/restrictions/employees");

    let mut new = new_fsm("an id", "a secret");
    (new.name, new.form.owners) = ("other".parse().unwrap(), vec![UNSEEN.to_owned()]);
    (new.client_id_secret, new.client_secret_secret) = (None, None);
    assert_eq!(refused(site.vault.create_integration(site.admin(), new).await), "/owners");
    let (fsm, owners) = ("fsm".parse().unwrap(), vec![UNSEEN.to_owned()]);
    let edited = site.vault.edit_integration(site.admin(), &fsm, &IfMatch::Any, |form| form.owners = owners);
    assert_eq!(refused(edited.await), "/owners");
}

#[tokio::test]
async fn who_was_named_so_before_goes_on() {
    let site = Site::unsealed().await;
    let (operator, program) =
        (site.operator("o", Level::Edit, "ann").await, site.service("fsm", "customscript_a", &["ann"]).await);
    registered_before(&site, "o", |caller| {
        caller.role = Role::Operator { level: Level::Edit, employee: unseen() };
    })
    .await;
    registered_before(&site, "fsm", |caller| caller.role = service(vec!["ann".parse().unwrap(), unseen()]))
        .await;

    site.vault.create_secret(asker(&operator), new_secret("_own", "x", OPEN)).await.unwrap();
    let new = NewSecret { owners: vec![unseen()], restrictions: rules(), ..new_secret("_a", "x", OPEN) };
    site.vault.create_secret(asker(&operator), new).await.unwrap();
    let id = "_a".parse().unwrap();
    let edit = SecretEdit { description: Some("of old".to_owned()), ..SecretEdit::default() };
    site.vault.edit_secret(asker(&operator), &id, edit, &IfMatch::Any).await.unwrap();
    let employee = unseen();
    let ask = Ask { employee: Some(&employee), ..ANY };
    site.vault.read_value(asker(&program), &id, ask).await.unwrap();
    let edit = async |name: &str, edit| {
        site.vault.edit_caller(site.admin(), &name.parse().unwrap(), &IfMatch::Any, edit).await.unwrap()
    };
    edit("o", CallerEdit { uid: Some(Some(7)), ..CallerEdit::default() }).await;
    let employees = Some(vec![unseen()]);
    let role = Some(RoleEdit::Service { script: None, employees, suiteapp: None });
    edit("fsm", CallerEdit { role, ..CallerEdit::default() }).await;

    // Nobody is registered so any more: what names them is changed all the same, and nothing names them anew.
    let employees = Some(vec!["ann".parse().unwrap()]);
    let role = Some(RoleEdit::Service { script: None, employees, suiteapp: None });
    edit("fsm", CallerEdit { role, ..CallerEdit::default() }).await;
    let employee = Some("ann".parse().unwrap());
    let role = Some(RoleEdit::Operator { level: None, employee });
    edit("o", CallerEdit { role, ..CallerEdit::default() }).await;
    let edit = SecretEdit { description: Some("older".to_owned()), ..SecretEdit::default() };
    site.vault.edit_secret(site.admin(), &id, edit, &IfMatch::Any).await.unwrap();
    let new = NewSecret { owners: vec![unseen()], ..new_secret("_b", "x", OPEN) };
    assert_eq!(refused(site.vault.create_secret(site.admin(), new).await), "/owners");
}
