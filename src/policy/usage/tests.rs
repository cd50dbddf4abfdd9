//! The decision table with its near misses, and a second, naive model that no caller may outwit.

use proptest::prelude::*;

use super::super::recognise::tests::{at, calling, operator, service};
use super::*;
use crate::model::Unavailable;
use crate::model::{Caller, Encoding, Fingerprint, Level, RestrictionsForm, Standing, Version, VersionState};

fn secret(states: &[VersionState]) -> Secret {
    let versions = states.iter().zip(1..).map(|(state, number)| Version {
        number,
        state: *state,
        encoding: Encoding::Utf8,
        fingerprint: Fingerprint::of([0; 8]),
        created_at: at(0),
        created_by: "admin".parse().unwrap(),
        note: None,
    });
    Secret {
        id: "_x".parse().unwrap(),
        name: "x".into(),
        description: "".into(),
        owners: vec![],
        restrictions: None,
        integration: None,
        origin: crate::model::Origin::ThisAccount,
        release: Release::Reveal,
        expires_on: None,
        max_age_days: None,
        created_at: at(0),
        created_by: "admin".parse().unwrap(),
        changed_at: at(0),
        last_version: states.len() as u64,
        versions: versions.collect(),
        since_line: None,
    }
}

fn rules(json: &str) -> Restrictions {
    serde_json::from_str::<RestrictionsForm>(json).unwrap().check("").unwrap()
}

struct Case<'a> {
    caller: Caller,
    rules: Option<Restrictions>,
    known: bool,
    enabled: bool,
    release: Release,
    domain: Option<&'a str>,
    employee: Option<&'a str>,
    version: VersionWanted,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            caller: service("customscript_a", &[]),
            rules: Some(rules(r#"{"scripts":["customscript_a"],"allow_all_domains":true}"#)),
            known: true,
            enabled: true,
            release: Release::Reveal,
            domain: None,
            employee: None,
            version: VersionWanted::Current,
        }
    }
}

impl Case<'_> {
    fn verdict(&self) -> Result<u64, Denial> {
        let secret = secret(&[
            VersionState::Retired,
            VersionState::Previous { until: at(50) },
            VersionState::Current,
            VersionState::Pending,
        ]);
        let (domain, employee) =
            (self.domain.map(|text| text.parse().unwrap()), self.employee.map(|text| text.parse().unwrap()));
        let target = Target {
            known: self.known,
            enabled: self.enabled,
            restrictions: self.rules.as_ref(),
            release: self.release,
            secret: &secret,
        };
        let ask = Ask { domain: domain.as_ref(), employee: employee.as_ref(), version: self.version };
        decide_use(calling(&self.caller), target, ask, at(10)).map(|terms| terms.version)
    }
}

#[test]
fn allowed_and_near_misses() {
    let ok = Case::default;
    let scripts_a = r#"{"scripts":["customscript_a"],"allow_all_domains":true}"#;
    let with = |caller| Case { caller, ..ok() };
    let under = |json| Case { rules: Some(rules(json)), ..ok() };
    let for_app = |app: Option<&str>| {
        let mut caller = service("customscript_a", &[]);
        let Role::Service { suiteapp, .. } = &mut caller.role else { unreachable!("a service was made") };
        *suiteapp = app.map(|id| id.parse().unwrap());
        caller
    };
    let app = r#"{"scripts":["customscript_a"],"allow_all_domains":true,"available_to_suiteapp":true,"suiteapp_id":"com.a"}"#;
    let hosts = r#"{"scripts":["customscript_a"],"domains":["*.netsuite.com"]}"#;
    let addresses = r#"{"scripts":["customscript_a"],"domains":["*.netsuite.com","::1"]}"#;
    let people = r#"{"scripts":["customscript_a"],"allow_all_domains":true,"employees":["7","8"]}"#;
    let table = [
        (ok(), Ok(3)),
        (under(r#"{"allow_all_scripts":true,"allow_all_domains":true}"#), Ok(3)),
        // scripts
        (with(service("customscript_b", &[])), Err(Denial::ScriptNotAllowed)),
        (with(service("customscript_aa", &[])), Err(Denial::ScriptNotAllowed)),
        (with(operator(Level::Full)), Err(Denial::WrongRole)),
        // existence and state
        (Case { known: false, ..ok() }, Err(Denial::SecretUnknown)),
        (Case { known: false, ..with(service("customscript_b", &[])) }, Err(Denial::SecretUnknown)),
        (Case { enabled: false, ..ok() }, Err(Denial::IntegrationBlocked)),
        (Case { rules: None, ..ok() }, Err(Denial::NoRestrictions)),
        // SuiteApp: matters only where the secret names one
        (Case { caller: for_app(Some("com.a")), ..under(app) }, Ok(3)),
        (Case { caller: for_app(Some("com.b")), ..under(app) }, Err(Denial::SuiteAppNotAllowed)),
        (Case { caller: for_app(None), ..under(app) }, Err(Denial::SuiteAppNotAllowed)),
        (Case { caller: for_app(Some("com.a")), ..under(scripts_a) }, Ok(3)),
        // employees
        (Case { caller: service("customscript_a", &["7"]), ..under(people) }, Ok(3)),
        (
            Case { caller: service("customscript_a", &["9"]), ..under(people) },
            Err(Denial::EmployeeNotAllowed),
        ),
        (Case { caller: service("customscript_a", &[]), ..under(people) }, Err(Denial::EmployeeNotAllowed)),
        (
            Case { caller: service("customscript_a", &["7", "9"]), ..under(people) },
            Err(Denial::EmployeeRequired),
        ),
        (
            Case { caller: service("customscript_a", &["7", "9"]), employee: Some("7"), ..under(people) },
            Ok(3),
        ),
        (
            Case { caller: service("customscript_a", &["7", "9"]), employee: Some("9"), ..under(people) },
            Err(Denial::EmployeeNotAllowed),
        ),
        (
            Case { caller: service("customscript_a", &["7"]), employee: Some("8"), ..under(people) },
            Err(Denial::EmployeeNotOfCaller),
        ),
        (Case { employee: Some("7"), ..ok() }, Err(Denial::EmployeeNotOfCaller)),
        (with(service("customscript_a", &["7", "8"])), Err(Denial::EmployeeRequired)),
        // domains
        (under(hosts), Err(Denial::DomainRequired)),
        (Case { domain: Some("system.netsuite.com"), ..under(hosts) }, Ok(3)),
        (Case { domain: Some("a.b.netsuite.com"), ..under(hosts) }, Err(Denial::DomainNotAllowed)),
        (Case { domain: Some("netsuite.com"), ..under(hosts) }, Err(Denial::DomainNotAllowed)),
        (Case { domain: Some("anything.example"), ..ok() }, Ok(3)),
        // An address only where it is listed, whatever else is allowed.
        (Case { domain: Some("10.0.0.1"), ..ok() }, Err(Denial::AddressNotListed)),
        (Case { domain: Some("::1"), ..ok() }, Err(Denial::AddressNotListed)),
        (Case { domain: Some("[::1]"), ..ok() }, Err(Denial::AddressNotListed)),
        (Case { domain: Some("[::ffff:10.0.0.1]"), ..ok() }, Err(Denial::AddressNotListed)),
        (Case { domain: Some("10.0.0.1.example"), ..ok() }, Ok(3)),
        (Case { domain: Some("localhost"), ..ok() }, Ok(3)),
        (Case { domain: Some("::1"), ..under(addresses) }, Ok(3)),
        (Case { domain: Some("[0:0::1]"), ..under(addresses) }, Ok(3)),
        (Case { domain: Some("::2"), ..under(addresses) }, Err(Denial::DomainNotAllowed)),
        (Case { domain: Some("10.0.0.1"), ..under(hosts) }, Err(Denial::DomainNotAllowed)),
        (
            Case { caller: service("customscript_b", &[]), domain: Some("::1"), ..ok() },
            Err(Denial::ScriptNotAllowed),
        ),
        (Case { release: Release::UseOnly, domain: Some("::1"), ..ok() }, Err(Denial::AddressNotListed)),
        (Case { caller: service("customscript_b", &[]), ..under(hosts) }, Err(Denial::ScriptNotAllowed)),
        // release
        (Case { release: Release::UseOnly, ..ok() }, Err(Denial::UseOnly)),
        // versions
        (Case { version: VersionWanted::Previous, ..ok() }, Ok(2)),
        (Case { version: VersionWanted::Number(2), ..ok() }, Ok(2)),
        (Case { version: VersionWanted::Number(3), ..ok() }, Ok(3)),
        (Case { version: VersionWanted::Number(1), ..ok() }, Err(Denial::Version(Unavailable::Retired))),
        (Case { version: VersionWanted::Number(4), ..ok() }, Err(Denial::Version(Unavailable::Pending))),
        (Case { version: VersionWanted::Number(5), ..ok() }, Err(Denial::Version(Unavailable::Unknown))),
    ];
    for (index, (case, expected)) in table.into_iter().enumerate() {
        assert_eq!(case.verdict(), expected, "row {index}");
    }
}

#[test]
fn operators_hear_by_their_own_rules() {
    let (caller, secret, open) = (operator(Level::Full), secret(&[VersionState::Current]), rules(OPEN));
    let target = Target {
        known: true,
        enabled: true,
        restrictions: Some(&open),
        release: Release::Reveal,
        secret: &secret,
    };
    assert_eq!(decide_hearing(calling(&caller), target, at(10)), Err(Denial::WrongRole));
    let caller = service("customscript_a", &[]);
    assert_eq!(decide_hearing(calling(&caller), target, at(10)), Ok(()));
    assert_eq!(decide_hearing(calling(&caller), target, at(100)), Err(Denial::CertificateExpired));
    let unruled = Target { restrictions: None, ..target };
    assert_eq!(decide_hearing(calling(&caller), unruled, at(10)), Err(Denial::NoRestrictions));
}

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const SCRIPTS: [&str; 3] = ["customscript_a", "customscript_b", "customscript_ab"];
const PEOPLE: [&str; 3] = ["1", "2", "3"];
const HOSTS: [&str; 5] = ["a.example.com", "b.a.example.com", "example.com", "192.0.2.1", "2001:db8::1"];
const LISTED: [&str; 5] = ["a.example.com", "*.example.com", "*.a.example.com", "192.0.2.1", "2001:db8::1"];
const APPS: [&str; 2] = ["com.a", "com.b"];

fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    proptest::sample::subsequence(all, 0..=all.len())
        .prop_map(|chosen| chosen.into_iter().map(str::to_owned).collect())
}

/// Label by label, as one would explain it to somebody.
fn naive_host_match(pattern: &str, host: &str) -> bool {
    let (p, h): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    p.len() == h.len() && p.iter().zip(&h).enumerate().all(|(at, (p, h))| p == h || (at == 0 && *p == "*"))
}

proptest! {
    /// No caller outside the rules is ever let in, and nobody inside them is kept out.
    #[test]
    fn agrees_with_a_naive_model(
        scripts in some_of(&SCRIPTS), patterns in some_of(&LISTED), limit in some_of(&PEOPLE),
        app_rule in proptest::option::of(proptest::sample::select(&APPS[..])),
        script in proptest::sample::select(&SCRIPTS[..]), people in some_of(&PEOPLE),
        app in proptest::option::of(proptest::sample::select(&APPS[..])),
        named in proptest::option::of(proptest::sample::select(&PEOPLE[..])),
        host in proptest::option::of(proptest::sample::select(&HOSTS[..])),
        known: bool, enabled: bool, use_only: bool, fits: bool, state in 0..4_usize,
    ) {
        let form = RestrictionsForm {
            allow_all_scripts: scripts.is_empty(), scripts: scripts.clone(),
            allow_all_domains: patterns.is_empty(), domains: patterns.clone(),
            employees: limit.clone(),
            available_to_suiteapp: app_rule.is_some(), suiteapp_id: app_rule.map(str::to_owned),
        };
        let rules = form.check("").unwrap();
        let states = [VersionState::Pending, VersionState::Current, VersionState::Previous { until: at(5) }, VersionState::Retired];
        let secret = secret(&states[state..=state]);
        let people_refs: Vec<&str> = people.iter().map(String::as_str).collect();
        let mut caller = service(script, &people_refs);
        let Role::Service { suiteapp, .. } = &mut caller.role else { unreachable!("a service was made") };
        *suiteapp = app.map(|id| id.parse().unwrap());
        let domain = host.map(|text| text.parse().unwrap());
        let employee = named.map(|text| text.parse().unwrap());

        let who = Recognised { peer_fits: fits, ..calling(&caller) };
        let release = if use_only { Release::UseOnly } else { Release::Reveal };
        let target = Target { known, enabled, restrictions: Some(&rules), release, secret: &secret };
        let hearing = decide_hearing(who, target, at(10));
        let verdict = decide_use(
            who,
            target,
            Ask { domain: domain.as_ref(), employee: employee.as_ref(), version: VersionWanted::Current },
            at(10),
        );

        let who = match named {
            Some(name) => people.iter().find(|each| *each == name).cloned().map(Some),
            None if people.len() > 1 => None,
            None => Some(people.first().cloned()),
        };
        let allowed = fits && known && enabled && !use_only
            && (scripts.is_empty() || scripts.iter().any(|each| each == script))
            && (app_rule.is_none() || app_rule == app)
            && who.as_ref().is_some_and(|who| limit.is_empty() || who.as_ref().is_some_and(|who| limit.contains(who)))
            && match host {
                Some(host) if host.parse::<std::net::IpAddr>().is_ok() => patterns.iter().any(|each| each == host),
                Some(host) => patterns.is_empty() || patterns.iter().any(|each| naive_host_match(each, host)),
                None => patterns.is_empty(),
            }
            && secret.versions[0].standing(at(10)) == Standing::Current;
        prop_assert_eq!(verdict.is_ok(), allowed, "{:?}", verdict);

        // Who may read it, named and declared as it must be, hears of it; who is kept out by the rules doesn't.
        let hears = fits && known && enabled
            && (scripts.is_empty() || scripts.iter().any(|each| each == script))
            && (app_rule.is_none() || app_rule == app)
            && (limit.is_empty() || people.iter().any(|each| limit.contains(each)));
        prop_assert_eq!(hearing.is_ok(), hears, "{:?}", hearing);
        prop_assert!(hears || !allowed);
    }
}
