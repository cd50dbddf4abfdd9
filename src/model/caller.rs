//! A registered caller: what a certificate's name stands for, and which keys may speak for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::{CallerName, Employee, ScriptId, SuiteAppId};
use super::spiffe::SpiffeId;
use super::word::{Invalid, word};

/// What an operator may do (NETSUITE.md, Permission levels). Each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    View,
    Create,
    Edit,
    Full,
}

/// A caller is one or the other: services never manage, operators never read values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Role {
    /// A program that runs one script, on behalf of the listed employees.
    Service { script: ScriptId, employees: Vec<Employee>, suiteapp: Option<SuiteAppId> },
    /// An employee who manages.
    Operator { level: Level, employee: Employee },
}

word! {
    /// A systemd system service, such as `fsm-mobile.service`.
    UnitName, unit_name
}

fn unit_name(text: &str) -> Result<String, Invalid> {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@' | b':' | b'\\');
    let stem = text.strip_suffix(".service").unwrap_or_default();
    if !stem.is_empty() && text.len() <= 255 && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(Invalid("is no unit name: a systemd service such as fsm-mobile.service"))
    }
}

/// Where a caller must connect from. Any pin confines it to the Unix socket, where the kernel names the peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    #[schema(required)]
    pub uid: Option<u32>,
    #[schema(required)]
    pub unit: Option<UnitName>,
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo, in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash(pub [u8; 32]);

/// A key that may speak for a caller, as certified once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeakingKey {
    pub spki_sha256: KeyHash,
    /// Serial number of the certificate, in lower-case hex.
    pub serial: String,
    pub not_after: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CallerState {
    Active,
    Revoked { revoked_at: Timestamp, revoked_by: CallerName },
}

/// A registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    pub name: CallerName,
    pub spiffe_id: SpiffeId,
    pub role: Role,
    pub pins: Pins,
    pub mail: Option<String>,
    /// Empty for a caller of a foreign trust domain, whose own root decides which keys speak for it.
    pub keys: Vec<SpeakingKey>,
    pub state: CallerState,
    pub enrolled_at: Timestamp,
    pub enrolled_by: CallerName,
    /// When its employee became another one, if that was after its enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_since: Option<Timestamp>,
    /// The last line of the audit log before it was this one, of this employee, counted over all logs that the vault has had: up
    /// to there the log tells of another's doings under its name. None in records of before it was told, where times decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_line: Option<u64>,
}

impl Role {
    /// Whom it acts for: the employees of a service, or the operator.
    pub fn employees(&self) -> &[Employee] {
        match self {
            Self::Service { employees, .. } => employees,
            Self::Operator { employee, .. } => std::slice::from_ref(employee),
        }
    }
}

impl Caller {
    pub fn is_active(&self) -> bool {
        self.state == CallerState::Active
    }

    /// Who an operator is.
    pub fn employee(&self) -> Option<&Employee> {
        match &self.role {
            Role::Operator { employee, .. } => Some(employee),
            Role::Service { .. } => None,
        }
    }

    /// Since when it is this one, of this employee: a name is given again, and an employee is exchanged.
    pub fn since(&self) -> Timestamp {
        self.employee_since.map_or(self.enrolled_at, |since| since.max(self.enrolled_at))
    }

    /// Whether what its name did then is its own doing, not that of an earlier registration, as far as the clock can tell:
    /// for records that say no more. The log tells times to the microsecond.
    pub fn was_there(&self, at: Timestamp) -> bool {
        at.as_microsecond() >= self.enrolled_at.as_microsecond()
    }

    /// Whether this is an active operator of level full, of whom one must always be left.
    pub fn is_active_full_operator(&self) -> bool {
        self.is_active() && matches!(self.role, Role::Operator { level: Level::Full, .. })
    }
}

impl TryFrom<String> for KeyHash {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl std::str::FromStr for KeyHash {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const RULE: Invalid = Invalid("is no key hash: 64 lower-case hexadecimal digits");
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| RULE)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |digit: u8| match digit {
                b'0'..=b'9' => Ok(digit - b'0'),
                b'a'..=b'f' => Ok(digit - b'a' + 10),
                _ => Err(RULE),
            };
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl std::fmt::Display for KeyHash {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hash.to_string()
    }
}

impl std::str::FromStr for Level {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "view" => Ok(Self::View),
            "create" => Ok(Self::Create),
            "edit" => Ok(Self::Edit),
            "full" => Ok(Self::Full),
            _ => Err(Invalid("is no level: view, create, edit or full")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_hashes_read_back() {
        let hash = KeyHash([0xa5; 32]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for wrong in ["", "a5", &"A5".repeat(32), &"g5".repeat(32), &"a5".repeat(33)] {
            assert!(wrong.parse::<KeyHash>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn units_are_system_services() {
        assert!("fsm-mobile@1.service".parse::<UnitName>().is_ok());
        for wrong in ["", ".service", "fsm", "a/b.service", "a b.service", "a.socket"] {
            assert!(wrong.parse::<UnitName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn levels_are_ordered() {
        assert!(Level::View < Level::Create && Level::Create < Level::Edit && Level::Edit < Level::Full);
    }
}
