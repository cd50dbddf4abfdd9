//! From a certificate's words to a registration: is this caller known, active, and in the right place?

use jiff::Timestamp;

use crate::model::{Caller, CallerState, Denial, KeyHash};

/// Who is calling, as far as the registrations tell.
#[derive(Debug, Clone, Copy)]
pub struct Recognised<'a> {
    /// The registration of the certificate's SPIFFE ID.
    pub caller: Option<&'a Caller>,
    pub key: KeyHash,
    /// Of the certificate, in lower-case hex.
    pub serial: &'a str,
    /// End of the certificate's validity.
    pub not_after: Timestamp,
    /// Whether the connection comes from where the registration's pins say.
    pub peer_fits: bool,
}

/// The first part of every decision: certificate still valid → caller known → active → pins.
pub fn recognise<'a>(who: Recognised<'a>, now: Timestamp) -> Result<&'a Caller, Denial> {
    let caller = who.caller.ok_or(Denial::CallerUnknown)?;
    if matches!(caller.state, CallerState::Revoked { .. }) {
        return Err(Denial::CallerRevoked);
    }
    // An empty list is a foreign trust domain's caller: its root, checked at the handshake, vouches for the key.
    // The serial number too: a key certified again doesn't revive what was certified before a revocation.
    let speaks = caller.keys.is_empty()
        || caller.keys.iter().any(|each| each.spki_sha256 == who.key && each.serial == who.serial);
    if !speaks {
        return Err(Denial::CallerUnknown);
    }
    if now >= who.not_after {
        return Err(Denial::CertificateExpired);
    }
    if !who.peer_fits {
        return Err(Denial::WrongPeer);
    }
    Ok(caller)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Level, Pins, Role, SpeakingKey};
    use jiff::SignedDuration;

    pub fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    pub fn caller(role: Role) -> Caller {
        Caller {
            name: "fsm".parse().unwrap(),
            spiffe_id: "spiffe://fsm-vault.internal/caller/fsm".parse().unwrap(),
            role,
            pins: Pins::default(),
            mail: None,
            keys: vec![SpeakingKey {
                spki_sha256: KeyHash([1; 32]),
                serial: "01".into(),
                not_after: at(100),
            }],
            state: CallerState::Active,
            enrolled_at: at(0),
            enrolled_by: "admin".parse().unwrap(),
            employee_since: None,
            since_line: None,
        }
    }

    pub fn service(script: &str, employees: &[&str]) -> Caller {
        caller(Role::Service {
            script: script.parse().unwrap(),
            employees: employees.iter().map(|each| each.parse().unwrap()).collect(),
            suiteapp: None,
        })
    }

    pub fn operator(level: Level) -> Caller {
        caller(Role::Operator { level, employee: "7".parse().unwrap() })
    }

    pub fn calling(caller: &Caller) -> Recognised<'_> {
        Recognised {
            caller: Some(caller),
            key: KeyHash([1; 32]),
            serial: "01",
            not_after: at(100),
            peer_fits: true,
        }
    }

    #[test]
    fn known_and_near_misses() {
        let active = service("customscript_a", &[]);
        let revoked = Caller {
            state: CallerState::Revoked { revoked_at: at(1), revoked_by: "admin".parse().unwrap() },
            ..active.clone()
        };
        let foreign = Caller { keys: vec![], ..active.clone() };
        let other_key = KeyHash([2; 32]);
        let ok = calling(&active);
        let table = [
            (ok, 99, None),
            (ok, 100, Some(Denial::CertificateExpired)),
            (Recognised { key: other_key, ..ok }, 99, Some(Denial::CallerUnknown)),
            (Recognised { serial: "02", ..ok }, 99, Some(Denial::CallerUnknown)),
            (Recognised { caller: None, ..ok }, 99, Some(Denial::CallerUnknown)),
            (Recognised { peer_fits: false, ..ok }, 99, Some(Denial::WrongPeer)),
            (calling(&revoked), 99, Some(Denial::CallerRevoked)),
            (Recognised { key: other_key, ..calling(&foreign) }, 99, None),
            (Recognised { key: other_key, ..calling(&foreign) }, 100, Some(Denial::CertificateExpired)),
        ];
        for (index, (who, now, expected)) in table.into_iter().enumerate() {
            assert_eq!(recognise(who, at(now)).err(), expected, "row {index}");
        }
    }
}
