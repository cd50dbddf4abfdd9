//! From method and path to a call. The table of the whole API.

use hyper::Method;

use super::failure::Failure;
use crate::telemetry::Kind;

/// A call, with the names in its path as they were written.
#[derive(Debug, PartialEq, Eq)]
pub enum Call<'a> {
    Describe,
    Status,
    Metrics,
    Seal,
    Unseal,
    ChangePassphrase,
    KeySlots,
    AddKeySlot,
    RemoveKeySlot(&'a str),
    Rekey,
    Backup,
    Secrets,
    CreateSecret,
    Secret(&'a str),
    EditSecret(&'a str),
    DeleteSecret(&'a str),
    Notes(&'a str),
    Consumers(&'a str),
    Access(&'a str),
    Import,
    Value(&'a str),
    Integrations,
    CreateIntegration,
    Integration(&'a str),
    EditIntegration(&'a str),
    DeleteIntegration(&'a str),
    Credentials(&'a str),
    Rotate(&'a str),
    Activate((&'a str, &'a str)),
    Retire((&'a str, &'a str)),
    RotatePair(&'a str),
    ActivatePair((&'a str, &'a str)),
    RetirePair((&'a str, &'a str)),
    ResetPair(&'a str),
    Callers,
    Enrol,
    Caller(&'a str),
    EditCaller(&'a str),
    Revoke(&'a str),
    Certify(&'a str),
    Renew,
    Notices,
    Acknowledge(&'a str),
    Audit,
    VerifyAudit,
    Watch,
}

impl Call<'_> {
    /// Whether `If-Match` is looked at: by what changes a secret, an integration or a registration that is there.
    pub fn takes_if_match(&self) -> bool {
        matches!(
            self,
            Self::EditSecret(_)
                | Self::DeleteSecret(_)
                | Self::EditIntegration(_)
                | Self::DeleteIntegration(_)
                | Self::Rotate(_)
                | Self::Activate(_)
                | Self::Retire(_)
                | Self::RotatePair(_)
                | Self::ActivatePair(_)
                | Self::RetirePair(_)
                | Self::ResetPair(_)
                | Self::EditCaller(_)
                | Self::Revoke(_)
        )
    }

    /// Whether a sealed daemon answers it.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::Describe | Self::Status | Self::Metrics | Self::Seal | Self::Unseal)
    }
}

impl Call<'_> {
    /// What it is counted as.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Value(_) => Kind::Value,
            Self::Credentials(_) => Kind::Pair,
            Self::Describe
            | Self::Status
            | Self::Metrics
            | Self::Seal
            | Self::Unseal
            | Self::ChangePassphrase
            | Self::KeySlots
            | Self::AddKeySlot
            | Self::RemoveKeySlot(_)
            | Self::Rekey
            | Self::Backup
            | Self::Watch => Kind::System,
            Self::Secrets
            | Self::CreateSecret
            | Self::Secret(_)
            | Self::EditSecret(_)
            | Self::DeleteSecret(_)
            | Self::Notes(_)
            | Self::Consumers(_)
            | Self::Access(_)
            | Self::Import
            | Self::Rotate(_)
            | Self::Activate(_)
            | Self::Retire(_) => Kind::Secrets,
            Self::Integrations
            | Self::CreateIntegration
            | Self::Integration(_)
            | Self::EditIntegration(_)
            | Self::DeleteIntegration(_)
            | Self::RotatePair(_)
            | Self::ActivatePair(_)
            | Self::RetirePair(_)
            | Self::ResetPair(_) => Kind::Integrations,
            Self::Callers
            | Self::Enrol
            | Self::Caller(_)
            | Self::EditCaller(_)
            | Self::Revoke(_)
            | Self::Certify(_) => Kind::Callers,
            Self::Renew => Kind::Identity,
            Self::Notices | Self::Acknowledge(_) => Kind::Notices,
            Self::Audit | Self::VerifyAudit => Kind::Audit,
        }
    }
}

impl Call<'_> {
    /// The audit's word for a call that comes with a body, which strangers don't get read.
    pub fn reads_a_body(&self) -> Option<&'static str> {
        match self {
            Self::CreateSecret => Some("secret.create"),
            Self::EditSecret(_) => Some("secret.edit"),
            Self::Import => Some("secret.import"),
            Self::CreateIntegration => Some("integration.create"),
            Self::EditIntegration(_) => Some("integration.edit"),
            Self::Rotate(_) => Some("secret.rotate"),
            Self::Activate(_) => Some("secret.activate"),
            Self::RotatePair(_) => Some("integration.rotate"),
            Self::ActivatePair(_) => Some("integration.activate"),
            Self::Enrol => Some("caller.add"),
            Self::EditCaller(_) => Some("caller.edit"),
            Self::Certify(_) => Some("caller.certify"),
            Self::Renew => Some("caller.renew"),
            Self::Unseal => Some("vault.unseal"),
            Self::ChangePassphrase => Some("vault.passphrase"),
            Self::AddKeySlot => Some("keyslot.add"),
            Self::RemoveKeySlot(_) => Some("keyslot.remove"),
            Self::Rekey => Some("vault.rekey"),
            Self::Backup => Some("backup.create"),
            _ => None,
        }
    }

    /// The same for a call that needs no body, and takes an empty object for none.
    pub fn bears_an_empty_body(&self) -> Option<&'static str> {
        match self {
            Self::Seal => Some("vault.seal"),
            Self::ResetPair(_) => Some("integration.reset"),
            Self::Acknowledge(_) => Some("notice.acknowledge"),
            _ => None,
        }
    }
}

impl Call<'_> {
    /// Whether it changes nothing but for its entry, so that it may end anywhere. A list of the notices records them.
    pub fn only_looks(&self) -> bool {
        self.looks().is_some() && !matches!(self, Self::Notices)
    }

    /// The audit's word for a look at what may be long, and the name of what is looked at.
    pub fn looks(&self) -> Option<(&'static str, Option<&str>)> {
        match *self {
            Self::Secrets => Some(("secret.list", None)),
            Self::Secret(id) => Some(("secret.show", Some(id))),
            Self::Notes(id) => Some(("secret.notes", Some(id))),
            Self::Consumers(id) => Some(("secret.consumers", Some(id))),
            Self::Access(id) => Some(("secret.access", Some(id))),
            Self::Integrations => Some(("integration.list", None)),
            Self::Integration(name) => Some(("integration.show", Some(name))),
            Self::Callers => Some(("caller.list", None)),
            Self::Caller(name) => Some(("caller.show", Some(name))),
            Self::Notices => Some(("notice.list", None)),
            Self::Audit => Some(("audit.read", None)),
            _ => None,
        }
    }
}

/// Finds the call. A path with anything but plain words in it is malformed: dots, escapes and empty segments
/// are no other spelling of anything.
pub fn route<'a>(method: &Method, path: &'a str) -> Result<Call<'a>, Failure> {
    match fetch(method, path) {
        Some(call) => Ok(call),
        None => any(method, path),
    }
}

/// The two calls that services make all the time, found without cutting the path.
pub fn fetch<'a>(method: &Method, path: &'a str) -> Option<Call<'a>> {
    let between = |before: &str, after: &str| {
        path.strip_prefix(before)?.strip_suffix(after).filter(|segment| is_plain(segment))
    };
    let value = || between("/v1/secrets/", "/value").map(Call::Value);
    let credentials = || between("/v1/integrations/", "/credentials").map(Call::Credentials);
    if method == Method::GET { value().or_else(credentials) } else { None }
}

fn any<'a>(method: &Method, path: &'a str) -> Result<Call<'a>, Failure> {
    // HTTP's other forms of a target (`*`, an authority) are no path.
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or_default().split('/').take(8).collect();
    if !segments.iter().all(|segment| is_plain(segment)) {
        return Err(Failure::Malformed(
            "The path has a segment that is empty, `.` or `..`, or has characters other than letters, digits, `.`, `-` and `_`.",
        ));
    }
    let call = match (method.as_str(), segments.as_slice()) {
        ("GET", ["v1", "openapi.json"]) => Call::Describe,
        ("GET", ["v1", "sys", "status"]) => Call::Status,
        ("GET", ["v1", "sys", "metrics"]) => Call::Metrics,
        ("POST", ["v1", "sys", "seal"]) => Call::Seal,
        ("POST", ["v1", "sys", "unseal"]) => Call::Unseal,
        ("POST", ["v1", "sys", "passphrase"]) => Call::ChangePassphrase,
        ("POST", ["v1", "sys", "rekey"]) => Call::Rekey,
        ("GET", ["v1", "sys", "keyslots"]) => Call::KeySlots,
        ("POST", ["v1", "sys", "keyslots"]) => Call::AddKeySlot,
        ("DELETE", ["v1", "sys", "keyslots", id]) => Call::RemoveKeySlot(id),
        ("POST", ["v1", "sys", "backup"]) => Call::Backup,
        ("GET", ["v1", "secrets"]) => Call::Secrets,
        ("POST", ["v1", "secrets"]) => Call::CreateSecret,
        ("GET", ["v1", "secrets", id]) => Call::Secret(id),
        ("PATCH", ["v1", "secrets", id]) => Call::EditSecret(id),
        ("DELETE", ["v1", "secrets", id]) => Call::DeleteSecret(id),
        ("GET", ["v1", "secrets", id, "notes"]) => Call::Notes(id),
        ("GET", ["v1", "secrets", id, "consumers"]) => Call::Consumers(id),
        ("GET", ["v1", "secrets", id, "access"]) => Call::Access(id),
        ("POST", ["v1", "imports"]) => Call::Import,
        ("GET", ["v1", "secrets", id, "value"]) => Call::Value(id),
        ("POST", ["v1", "secrets", id, "versions"]) => Call::Rotate(id),
        ("POST", ["v1", "secrets", id, "versions", number, "activate"]) => Call::Activate((id, number)),
        ("DELETE", ["v1", "secrets", id, "versions", number]) => Call::Retire((id, number)),
        ("GET", ["v1", "integrations"]) => Call::Integrations,
        ("POST", ["v1", "integrations"]) => Call::CreateIntegration,
        ("GET", ["v1", "integrations", name]) => Call::Integration(name),
        ("PATCH", ["v1", "integrations", name]) => Call::EditIntegration(name),
        ("DELETE", ["v1", "integrations", name]) => Call::DeleteIntegration(name),
        ("GET", ["v1", "integrations", name, "credentials"]) => Call::Credentials(name),
        ("POST", ["v1", "integrations", name, "credentials"]) => Call::RotatePair(name),
        ("POST", ["v1", "integrations", name, "credentials", number, "activate"]) => {
            Call::ActivatePair((name, number))
        }
        ("DELETE", ["v1", "integrations", name, "credentials", number]) => Call::RetirePair((name, number)),
        ("POST", ["v1", "integrations", name, "reset"]) => Call::ResetPair(name),
        ("GET", ["v1", "callers"]) => Call::Callers,
        ("POST", ["v1", "callers"]) => Call::Enrol,
        ("GET", ["v1", "callers", name]) => Call::Caller(name),
        ("PATCH", ["v1", "callers", name]) => Call::EditCaller(name),
        ("DELETE", ["v1", "callers", name]) => Call::Revoke(name),
        ("POST", ["v1", "callers", name, "certificates"]) => Call::Certify(name),
        ("POST", ["v1", "identity", "renew"]) => Call::Renew,
        ("GET", ["v1", "notices"]) => Call::Notices,
        ("POST", ["v1", "notices", id, "acknowledge"]) => Call::Acknowledge(id),
        ("GET", ["v1", "audit"]) => Call::Audit,
        ("GET", ["v1", "audit", "verify"]) => Call::VerifyAudit,
        ("GET", ["v1", "watch"]) => Call::Watch,
        (_, other) => return Err(methods(other).map_or(Failure::NoSuchPath, Failure::Method)),
    };
    Ok(call)
}

/// The methods that a path has, for those who came with another one.
fn methods(segments: &[&str]) -> Option<&'static str> {
    match segments {
        ["v1", "openapi.json"] => Some("GET"),
        ["v1", "secrets" | "integrations" | "callers"] | ["v1", "sys", "keyslots"] => Some("GET, POST"),
        ["v1", "secrets" | "callers" | "integrations", _] => Some("GET, PATCH, DELETE"),
        ["v1", "integrations", _, "credentials"] => Some("GET, POST"),
        ["v1", "secrets", _, "versions", _]
        | ["v1", "integrations", _, "credentials", _]
        | ["v1", "sys", "keyslots", _] => Some("DELETE"),
        ["v1", "sys", "seal" | "unseal" | "passphrase" | "rekey" | "backup"]
        | ["v1", "callers", _, "certificates"]
        | ["v1", "identity", "renew"]
        | ["v1", "imports"]
        | ["v1", "secrets", _, "versions"]
        | ["v1", "secrets", _, "versions", _, "activate"]
        | ["v1", "integrations", _, "credentials", _, "activate"]
        | ["v1", "integrations", _, "reset"]
        | ["v1", "notices", _, "acknowledge"] => Some("POST"),
        ["v1", "sys", "status" | "metrics"]
        | ["v1", "secrets", _, "value" | "notes" | "consumers" | "access"]
        | ["v1", "notices"]
        | ["v1", "audit"]
        | ["v1", "audit", "verify"]
        | ["v1", "watch"] => Some("GET"),
        _ => None,
    }
}

fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

mod changes;

#[cfg(test)]
mod tests;
