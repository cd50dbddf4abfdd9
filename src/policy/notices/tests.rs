//! What stands on which day: facts and a time, and what is told of them.

use super::*;
use crate::model::{
    CallerState, Encoding, Fingerprint, IntegrationForm, KeyHash, Level, Pins, Release, SpeakingKey, Version,
    VersionState,
};
use NoticeLevel::{Critical, Info, Warning};

/// 2027-01-01T00:00:00Z, and so many hours after it.
fn hour(hours: i64) -> Timestamp {
    "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn day(days: i64) -> Timestamp {
    hour(24 * days)
}

fn version(number: u64, state: VersionState, created_at: Timestamp) -> Version {
    let (encoding, fingerprint) = (Encoding::Utf8, Fingerprint::of([0; 8]));
    Version {
        number,
        state,
        encoding,
        fingerprint,
        created_at,
        created_by: "admin".parse().unwrap(),
        note: None,
    }
}

fn secret(id: &str) -> Secret {
    Secret {
        id: id.parse().unwrap(),
        name: "".into(),
        description: "".into(),
        owners: Vec::new(),
        restrictions: None,
        integration: None,
        origin: crate::model::Origin::default(),
        release: Release::Reveal,
        expires_on: None,
        max_age_days: None,
        created_at: day(0),
        created_by: "admin".parse().unwrap(),
        changed_at: day(0),
        last_version: 1,
        versions: vec![version(1, VersionState::Current, day(0))],
        since_line: None,
    }
}

fn told(secret: &Secret, now: Timestamp, holders: &[&str]) -> Vec<Occasion> {
    let mut found = Vec::new();
    let holders: Vec<CallerName> = holders.iter().map(|name| name.parse().unwrap()).collect();
    of_secret(secret, &NoticeRules::default(), now, |_| holders.clone(), &mut found);
    found
}

fn level(found: &[Occasion]) -> Option<NoticeLevel> {
    assert!(found.len() < 2, "{found:?}");
    found.first()?.standing.as_ref().map(|standing| standing.level)
}

#[test]
fn an_expiry_date_climbs_the_ladder_by_days_of_the_calendar() {
    let secret = Secret { expires_on: Some("2027-03-02".parse().unwrap()), ..secret("_a") };
    // 2027-03-02 is day 60.
    for (now, expected, says) in [
        (hour(30 * 24 - 1), None, ""),
        (day(30), Some(Info), "expires in 30 days, on 2027-03-02"),
        (day(46), Some(Info), "in 14 days"),
        (day(53), Some(Warning), "in 7 days"),
        (day(57), Some(Warning), "in 3 days"),
        (day(59), Some(Critical), "tomorrow"),
        (hour(60 * 24 + 23), Some(Critical), "today"),
        (day(61), Some(Critical), "expired on 2027-03-02"),
        (day(900), Some(Critical), "expired"),
    ] {
        let found = told(&secret, now, &[]);
        assert_eq!(level(&found), expected, "{now}");
        assert_eq!(found[0].id.as_str(), "expiry.custsecret_a.2027-03-02");
        if let Some(standing) = &found[0].standing {
            assert!(standing.message.contains(says), "{}", standing.message);
            assert_eq!(standing.due, Some(day(60)));
        }
    }
    assert!(told(&super::tests::secret("_a"), day(999), &[]).is_empty());
}

#[test]
fn an_age_is_told_no_earlier_than_half_of_it() {
    for (limit, now, expected) in [
        (90, day(59), None),
        (90, day(60), Some(Info)),
        (90, day(89), Some(Critical)),
        (90, day(90), Some(Critical)),
        (7, day(0), None),
        (7, day(3), None),
        (7, day(4), Some(Warning)),
        (3, day(0), None),
        (2, day(0), None),
        (2, hour(23), None),
        (2, hour(24), Some(Critical)),
        (1, day(0), None),
        (1, hour(11), None),
        (1, hour(12), Some(Critical)),
        (1, hour(23), Some(Critical)),
        (1, hour(24), Some(Critical)),
    ] {
        let secret = Secret { max_age_days: Some(limit), ..secret("_a") };
        assert_eq!(level(&told(&secret, now, &[])), expected, "{limit} {now}");
    }
    // Another version is another occasion; without a current one there is none.
    let mut secret = Secret { max_age_days: Some(7), ..secret("_a") };
    let before = told(&secret, day(9), &[]).remove(0).id;
    secret.versions =
        vec![version(1, VersionState::Retired, day(0)), version(2, VersionState::Current, day(9))];
    let after = told(&secret, day(9), &[]).remove(0);
    assert!(after.id != before && after.standing.is_none());
    secret.versions.pop();
    assert!(told(&secret, day(9), &[]).is_empty());
}

#[test]
fn a_grace_is_told_in_its_last_quarter_and_only_with_somebody_left() {
    let until = hour(4);
    let mut secret = secret("_a");
    secret.versions = vec![
        version(1, VersionState::Previous { until }, day(-9)),
        version(2, VersionState::Current, day(0)),
    ];
    for (now, holders, expected) in [
        (hour(2), &["fsm"][..], None),
        (hour(3), &["fsm"][..], Some(Warning)),
        (hour(3), &[][..], None),
        (hour(4), &["fsm"][..], None),
    ] {
        assert_eq!(level(&told(&secret, now, holders)), expected, "{now} {holders:?}");
    }
    let found = told(&secret, hour(3), &["a", "b", "c", "d", "e"]);
    let standing = found[0].standing.as_ref().unwrap();
    assert!(standing.message.contains("a, b, c and 2 more"), "{}", standing.message);
    assert_eq!(found[0].id.as_str(), "grace.custsecret_a.v1-20270101t040000");
}

#[test]
fn a_pending_version_is_remembered_after_a_fortnight() {
    let mut secret = secret("_a");
    secret.versions.push(version(2, VersionState::Pending, day(1)));
    assert_eq!(level(&told(&secret, hour(15 * 24 - 1), &[])), None);
    let found = told(&secret, day(15), &[]);
    assert_eq!((level(&found), found[0].id.as_str()), (Some(Info), "pending.custsecret_a.v2"));
}

#[test]
fn a_pair_is_told_once_for_both_halves() {
    let ids = ("_fsm_oauth2_client_id".parse().unwrap(), Some("_fsm_oauth2_client_secret".parse().unwrap()));
    let made = ("id".into(), "admin".parse().unwrap(), day(0));
    let fsm = Integration::blank("fsm".parse().unwrap(), &IntegrationForm::fsm(), true, made, ids);
    let half = |id: &str| Secret { integration: Some(fsm.name.clone()), ..secret(id) };
    let (mut id, mut key) = (half("_fsm_oauth2_client_id"), half("_fsm_oauth2_client_secret"));
    assert!(told(&Secret { max_age_days: Some(1), ..id.clone() }, day(9), &[]).is_empty());
    let pair = |id: &Secret, key: &Secret, now| {
        let mut found = Vec::new();
        of_integration(&fsm, &[id, key], &NoticeRules::default(), now, |_| Vec::new(), &mut found);
        found
    };
    assert_eq!(level(&pair(&id, &key, day(179))), None);
    let found = pair(&id, &key, day(180));
    assert_eq!((level(&found), found[0].id.as_str()), (Some(Warning), "pair_age.fsm.2027-06-30"));

    // A date says more than an age, and the earlier one counts.
    id.expires_on = Some("2027-12-31".parse().unwrap());
    key.expires_on = Some("2027-06-30".parse().unwrap());
    let found = pair(&id, &key, day(180));
    assert_eq!((level(&found), found[0].id.as_str()), (Some(Critical), "expiry.fsm.2027-06-30"));
}

fn caller(role: Role, keys: &[Timestamp]) -> Caller {
    let key = |not_after: &Timestamp| SpeakingKey {
        spki_sha256: KeyHash([0; 32]),
        serial: "01".to_owned(),
        not_after: *not_after,
    };
    Caller {
        name: "fsm".parse().unwrap(),
        spiffe_id: "spiffe://fsm-vault.internal/caller/fsm".parse().unwrap(),
        role,
        pins: Pins::default(),
        mail: None,
        keys: keys.iter().map(key).collect(),
        state: CallerState::Active,
        enrolled_at: day(0),
        enrolled_by: "admin".parse().unwrap(),
        employee_since: None,
        since_line: None,
    }
}

fn service(keys: &[Timestamp]) -> Caller {
    let script = "customscript_a".parse().unwrap();
    caller(Role::Service { script, employees: Vec::new(), suiteapp: None }, keys)
}

#[test]
fn a_renewal_is_overdue_in_the_last_sixth_of_a_life() {
    let usual = SignedDuration::from_hours(24);
    let stands = |caller: &Caller, now| {
        let mut found = Vec::new();
        of_caller(caller, usual, now, &mut found);
        level(&found)
    };
    for (keys, now, expected) in [
        (&[day(1)][..], hour(20), None),
        (&[day(1)][..], hour(21), Some(Warning)),
        (&[day(1)][..], day(1), Some(Critical)),
        // Renewed: the newest certificate counts.
        (&[day(1), day(2)][..], day(1), None),
        (&[day(1), day(2)][..], hour(45), Some(Warning)),
        // Enrolled for an hour.
        (&[hour(1)][..], hour(0), None),
        (&[hour(1)][..], hour(0) + SignedDuration::from_mins(51), Some(Warning)),
        // Enrolled for a year: what a renewal gives is what counts.
        (&[day(365)][..], day(360), None),
        (&[day(365)][..], hour(365 * 24 - 3), Some(Warning)),
        // Of a foreign trust domain.
        (&[][..], day(999), None),
    ] {
        assert_eq!(stands(&service(keys), now), expected, "{keys:?} {now}");
    }
    let state = CallerState::Revoked { revoked_at: day(0), revoked_by: "admin".parse().unwrap() };
    assert_eq!(stands(&Caller { state, ..service(&[day(1)]) }, day(9)), None);
    let operator = caller(Role::Operator { level: Level::Full, employee: "1".parse().unwrap() }, &[day(1)]);
    assert_eq!(stands(&operator, day(2)), Some(Critical));
}

#[test]
fn who_can_renew_no_more_is_to_be_added_anew() {
    let action = |caller: &Caller, now| {
        let mut found = Vec::new();
        of_caller(caller, SignedDuration::from_hours(24), now, &mut found);
        found.pop().unwrap().standing.unwrap().action
    };
    let operator = caller(Role::Operator { level: Level::Full, employee: "1".parse().unwrap() }, &[day(1)]);
    for caller in [service(&[day(1)]), operator] {
        let (early, late) = (action(&caller, hour(23)), action(&caller, day(2)));
        assert!(early.contains("caller renew") && !early.contains("caller certify"), "{early}");
        assert!(!late.contains("caller renew") && late.contains("caller certify"), "{late}");
    }
}

#[test]
fn the_vaults_own_certificates_are_told_by_share_of_life() {
    let level = |occasion: Occasion| occasion.standing.map(|standing| standing.level);
    for (now, authority, server) in [
        (day(39), None, None),
        (day(41), Some(Info), None),
        (day(51), Some(Warning), Some(Warning)),
        (day(58), Some(Critical), Some(Critical)),
        (day(61), Some(Critical), Some(Critical)),
    ] {
        assert_eq!(level(of_authority(day(0), day(60), now)), authority, "{now}");
        assert_eq!(level(of_server_certificate(day(0), day(60), now)), server, "{now}");
    }
}

#[test]
fn space_gets_well_a_quarter_above_where_it_got_ill() {
    let rules = NoticeRules { low_bytes: 1000, critical_bytes: 100, ..NoticeRules::default() };
    for (free, before, expected) in [
        (1000, None, None),
        (999, None, Some(Warning)),
        (100, None, Some(Warning)),
        (99, None, Some(Critical)),
        (0, None, Some(Critical)),
        (1249, Some(Warning), Some(Warning)),
        (1250, Some(Warning), None),
        (124, Some(Critical), Some(Critical)),
        (125, Some(Critical), Some(Warning)),
        (124, Some(Warning), Some(Warning)),
    ] {
        let occasion = of_space("data", "/var", free, before, &rules);
        let found = occasion.and_then(|occasion| occasion.standing).map(|standing| standing.level);
        assert_eq!(found, expected, "{free} {before:?}");
    }
}

#[test]
fn damage_is_known_again_by_its_id() {
    let path = |segment| format!("/audit/{segment}");
    for (occasion, id) in [
        (of_damage(2, 14), "audit_damage.log.s2-l14"),
        (of_stray(3, "/audit/3"), "audit_damage.log.s3-stray"),
        (of_missing(4, "/audit/4"), "audit_damage.log.s4-missing"),
        (of_damage(5, 0), "audit_damage.log.s5-l0"),
    ] {
        assert_eq!(occasion.id.as_str(), id);
        assert_eq!(of_known_damage(&occasion.id, path), Some(occasion));
    }
    for other in ["x", "s2-x", "sx-stray", "s2-lx"] {
        let id = format!("audit_damage.log.{other}").parse().unwrap();
        assert_eq!(of_known_damage(&id, path), None, "{other}");
    }
    let told = of_stray(3, "/audit/3").standing.unwrap();
    assert!(!of_damage(5, 0).standing.unwrap().message.contains("line"));
    assert!(told.message.contains("/audit/3 ") && told.action.contains("mv /audit/3 "), "{told:?}");
}

#[test]
fn every_id_is_one_and_leads_back_to_its_concern() {
    let mut all = told(
        &Secret { expires_on: Some("2027-03-02".parse().unwrap()), max_age_days: Some(9), ..secret("_a") },
        day(9),
        &[],
    );
    all.extend([
        of_damage(1, 1),
        of_stray(9, "/audit/9"),
        of_authority(day(0), day(1), day(0)),
        of_separation(&service(&[]), &secret("_a")),
    ]);
    all.extend(of_space("store", "/", 0, None, &NoticeRules::default()));
    of_caller(&service(&[day(1)]), SignedDuration::from_hours(24), day(9), &mut all);
    assert_eq!(all.len(), 8);
    for Occasion { id, .. } in all {
        assert_eq!(id.as_str().parse().as_ref(), Ok(&id));
        assert_eq!(NoticeId::new(id.kind(), &id.concern(), id.occasion()), id);
    }
}
