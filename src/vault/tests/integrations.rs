//! Integration records: made, blocked, and what services get of their pairs meanwhile.

use serde_json::json;

use super::super::*;
use super::site::*;
use crate::audit::Entry;
use crate::model::{
    Denial, IntegrationForm, IntegrationName, PairOrigin, RestrictionsForm, SecretId, Standing, Unavailable,
    VersionWanted,
};
use crate::policy::Ask;
use crate::secret::Plaintext;
use jiff::SignedDuration;

mod changes;

const PREVIOUS: Ask<'static> = Ask { version: VersionWanted::Previous, ..ANY };

fn crm() -> IntegrationName {
    "crm".parse().unwrap()
}

fn id(text: &str) -> SecretId {
    text.parse().unwrap()
}

/// A record of one's own, for customscript_a.
fn new_crm(pair: Option<PairSource>) -> NewIntegration {
    let restrictions = RestrictionsForm {
        scripts: vec!["customscript_a".to_owned()],
        allow_all_domains: true,
        ..RestrictionsForm::default()
    };
    let form = IntegrationForm {
        authorization_code_grant: true,
        redirect_uris: vec!["https://crm.example/callback?ns-at=token".to_owned()],
        scopes: vec!["restlets".to_owned()],
        restrictions: Some(restrictions),
        ..IntegrationForm::default()
    };
    let (client_id_secret, client_secret_secret) = (None, None);
    NewIntegration { name: crm(), form, is_template: false, client_id_secret, client_secret_secret, pair }
}

fn new_public(pair: Option<PairSource>) -> NewIntegration {
    let new = new_crm(pair);
    NewIntegration { form: IntegrationForm { public_client: true, ..new.form }, ..new }
}

async fn with(new: NewIntegration) -> (Site, Session) {
    let site = Site::unsealed().await;
    site.vault.create_integration(site.admin(), new).await.unwrap();
    let service = site.service("a", "customscript_a", &[]).await;
    (site, service)
}

fn pair(source: PairSource) -> NewPair {
    let grace = Some(SignedDuration::from_secs(60));
    NewPair { source, spread: Spread { grace, activate: true, note: None, force: true } }
}

fn pointers<T>(outcome: Result<T, VaultError>) -> Vec<String> {
    match outcome {
        Err(VaultError::Invalid(wrong)) => wrong.into_iter().map(|each| each.pointer).collect(),
        Err(other) => panic!("another refusal: {other}"),
        Ok(_) => Vec::new(),
    }
}

async fn last(site: &Site) -> Entry {
    site.log(1).await.remove(0).entry
}

/// The one that readers get.
fn version_of(seen: &SeenIntegration) -> Option<u64> {
    seen.pair.as_ref()?.current().map(|version| version.number)
}

async fn set(site: &Site, change: impl FnOnce(&mut IntegrationForm)) -> Result<SeenIntegration, VaultError> {
    site.vault.edit_integration(site.admin(), &crm(), &IfMatch::Any, change).await
}

#[tokio::test]
async fn without_a_pair_it_serves_nothing_until_one_is_captured() {
    let (site, service) = with(new_crm(None)).await;
    let site = site.restarted().await;
    let seen = site.vault.see_integration(site.admin(), &crm()).await.unwrap();
    assert_eq!(
        (version_of(&seen), seen.record.client_secret_secret.clone()),
        (None, Some(id("_crm_client_secret")))
    );
    let read = async || site.vault.read_pair(asker(&service), &crm(), ANY).await;
    assert_eq!(denied(read().await), Denial::Version(Unavailable::Unknown));
    let half = site.vault.read_value(asker(&service), &id("_crm_client_id"), ANY).await;
    assert_eq!(denied(half), Denial::Version(Unavailable::Unknown));

    let captured = site
        .vault
        .rotate_pair(site.admin(), &crm(), pair(given("i", Some("s"))), &IfMatch::Any)
        .await
        .unwrap();
    assert_eq!((captured.version, captured.state), (1, Standing::Current));
    assert!(holds(&read().await.unwrap(), "i", Some("s")));
    let site = site.restarted().await;
    assert!(holds(&site.vault.read_pair(asker(&service), &crm(), ANY).await.unwrap(), "i", Some("s")));
}

#[tokio::test]
async fn only_an_enabled_record_serves_its_pair_or_a_half_of_it() {
    let (site, service) = with(new_crm(Some(given("i", Some("s"))))).await;
    let halves = [id("_crm_client_id"), id("_crm_client_secret")];
    for state in ["blocked", "enabled", "blocked"] {
        set(&site, |form| form.state = Some(state.to_owned())).await.unwrap();
        let outcomes = [
            site.vault.read_pair(asker(&service), &crm(), ANY).await.map(|_| ()),
            site.vault.read_value(asker(&service), &halves[0], ANY).await.map(|_| ()),
            site.vault.read_value(asker(&service), &halves[1], ANY).await.map(|_| ()),
        ];
        for outcome in outcomes {
            match state {
                "enabled" => outcome.unwrap(),
                _ => assert_eq!(denied(outcome), Denial::IntegrationBlocked),
            }
        }
    }
    assert_eq!(
        pointers(set(&site, |form| form.state = Some("waiting_for_approval".into())).await),
        ["/state"]
    );

    let mut waiting = new_crm(Some(given("i", Some("s"))));
    waiting.form.state = Some("waiting_for_approval".to_owned());
    let (site, service) = with(waiting).await;
    let read = site.vault.read_pair(asker(&service), &crm(), ANY).await;
    assert_eq!(denied(read), Denial::IntegrationBlocked);
}

#[tokio::test]
async fn without_rules_it_serves_nobody() {
    let (site, service) = with(new_crm(Some(given("i", Some("s"))))).await;
    set(&site, |form| form.restrictions = None).await.unwrap();
    assert_eq!(denied(site.vault.read_pair(asker(&service), &crm(), ANY).await), Denial::NoRestrictions);
}

#[tokio::test]
async fn a_public_client_has_a_client_id_alone() {
    let site = Site::unsealed().await;
    let refused = site.vault.create_integration(site.admin(), new_public(Some(given("i", Some("s"))))).await;
    assert_eq!(pointers(refused), ["/credentials/client_secret"]);
    let named = NewIntegration { client_secret_secret: Some(id("_x")), ..new_public(None) };
    assert_eq!(pointers(site.vault.create_integration(site.admin(), named).await), ["/client_secret_secret"]);

    let (site, service) = with(new_public(Some(given("one", None)))).await;
    let read = async |ask| site.vault.read_pair(asker(&service), &crm(), ask).await;
    assert!(holds(&read(ANY).await.unwrap(), "one", None));
    let half = site.vault.read_value(asker(&service), &id("_crm_client_secret"), ANY).await;
    assert_eq!(denied(half), Denial::SecretUnknown);
    let with_secret =
        site.vault.rotate_pair(site.admin(), &crm(), pair(given("two", Some("s"))), &IfMatch::Any).await;
    assert_eq!(pointers(with_secret), ["/client_secret"]);
    assert!(
        site.vault
            .rotate_pair(site.admin(), &crm(), pair(given("one", None)), &IfMatch::Any)
            .await
            .unwrap()
            .unchanged
    );
    site.vault.rotate_pair(site.admin(), &crm(), pair(given("two", None)), &IfMatch::Any).await.unwrap();
    assert!(holds(&read(ANY).await.unwrap(), "two", None));
    assert!(holds(&read(PREVIOUS).await.unwrap(), "one", None));
    site.vault.activate_pair(site.admin(), &crm(), 1, Cut::default(), &IfMatch::Any).await.unwrap();
    assert!(holds(&read(ANY).await.unwrap(), "one", None));
    site.vault.reset_pair(site.admin(), &crm(), &IfMatch::Any).await.unwrap();
    assert!(matches!(denied(read(ANY).await), Denial::Version(_)));
    let confidential = |form: &mut IntegrationForm| {
        form.public_client = false;
        (form.refresh_token_validity_hours, form.maximum_token_rotation_hours) = (None, None);
    };
    assert_eq!(pointers(set(&site, confidential).await), ["/public_client"]);

    let (site, _) = with(new_crm(None)).await;
    let half = site.vault.rotate_pair(site.admin(), &crm(), pair(given("i", None)), &IfMatch::Any).await;
    assert_eq!(pointers(half), ["/client_secret"]);
    assert_eq!(pointers(set(&site, |form| form.public_client = true).await), ["/public_client"]);
}

#[tokio::test]
async fn an_issued_pair_is_what_services_get_and_stands_in_no_log() {
    let site = Site::unsealed().await;
    let made = site.vault.create_integration(site.admin(), new_crm(Some(PairSource::Issued))).await.unwrap();
    let (entry, shown) = (last(&site).await, made.issued.unwrap());
    assert_eq!((entry.changes, entry.version), (Some(json!({"pair": "issued"})), Some(1)));
    assert_eq!(made.seen.record.pair_origin, PairOrigin::Issued);
    let service = site.service("a", "customscript_a", &[]).await;
    let read = async || site.vault.read_pair(asker(&service), &crm(), ANY).await.unwrap();
    let text = |half: &Plaintext| half.lend(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    let values = [text(&shown.client_id), text(shown.client_secret.as_ref().unwrap())];
    assert!(holds(&read().await, &values[0], Some(&values[1])));

    let rotated =
        site.vault.rotate_pair(site.admin(), &crm(), pair(PairSource::Issued), &IfMatch::Any).await.unwrap();
    let next = rotated.issued.unwrap();
    assert!(read().await.client_id.same_as(&next.client_id) && !next.client_id.same_as(&shown.client_id));
    let written = serde_json::to_string(&site.log(100).await).unwrap();
    assert!(!values.iter().any(|value| written.contains(value)), "{written}");

    site.vault.rotate_pair(site.admin(), &crm(), pair(given("i", Some("s"))), &IfMatch::Any).await.unwrap();
    let seen = site.vault.see_integration(site.admin(), &crm()).await.unwrap();
    assert_eq!(seen.record.pair_origin, PairOrigin::Captured);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_and_nothing_is_made() {
    let site = Site::unsealed().await;
    let mut new = new_crm(Some(given("", Some(""))));
    new.form.scopes.clear();
    (new.client_id_secret, new.client_secret_secret) = (Some(id("_same")), Some(id("_same")));
    assert_eq!(
        pointers(site.vault.create_integration(site.admin(), new).await),
        ["/client_secret_secret", "/scopes", "/credentials/client_id", "/credentials/client_secret"]
    );
    site.secret("_crm_client_secret", "in the way", r#"{"allow_all_scripts":true,"allow_all_domains":true}"#)
        .await
        .unwrap();
    let taken = site.vault.create_integration(site.admin(), new_crm(None)).await;
    assert!(matches!(taken, Err(VaultError::Conflict(_))));
    assert!(site.vault.list_integrations(site.admin(), None, 9).await.unwrap().items.is_empty());
    assert_eq!(
        site.vault.list_secrets(site.admin(), &SecretFilter::default(), None, 9).await.unwrap().items.len(),
        1
    );
}

#[tokio::test]
async fn no_pair_is_made_up_over_a_captured_one() {
    let site = Site::with_fsm().await;
    let name: IntegrationName = "fsm".parse().unwrap();
    let issue = || pair(PairSource::Issued);
    let outcome = site.vault.rotate_pair(site.admin(), &name, issue(), &IfMatch::Any).await;
    assert!(matches!(outcome, Err(VaultError::Conflict(_))));
    site.vault.reset_pair(site.admin(), &name, &IfMatch::Any).await.unwrap();
    assert!(
        site.vault.rotate_pair(site.admin(), &name, issue(), &IfMatch::Any).await.unwrap().issued.is_some()
    );
    assert!(
        site.vault.rotate_pair(site.admin(), &name, issue(), &IfMatch::Any).await.is_ok(),
        "over one that was issued"
    );
}
