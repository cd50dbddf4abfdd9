//! Where an account's OAuth 2.0 endpoints are, where one doesn't want them derived from the account ID.
//!
//! Oracle advises not to build or pin host names (NETSUITE.md, OAuth 2.0 flows, Hosts). Which hosts are dialed
//! at all is for the configuration to say.

use serde::{Deserialize, Serialize};

use super::uri::{MAX_URI, host};
use crate::model::word::{FieldError, Invalid};

/// URLs, each `https://`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoints {
    /// Where a user's browser is sent to.
    pub authorize: Option<String>,
    pub token: Option<String>,
    pub revoke: Option<String>,
    /// The key set that access tokens are signed with.
    pub keys: Option<String>,
    /// Where certificates of the client credentials grant are managed.
    pub certificates: Option<String>,
}

impl Endpoints {
    /// Each endpoint by its name.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        [
            ("authorize", self.authorize.as_deref()),
            ("token", self.token.as_deref()),
            ("revoke", self.revoke.as_deref()),
            ("keys", self.keys.as_deref()),
            ("certificates", self.certificates.as_deref()),
        ]
        .into_iter()
    }

    /// The place of an endpoint's URL, if there is an endpoint of this name.
    pub fn named_mut(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "authorize" => Some(&mut self.authorize),
            "token" => Some(&mut self.token),
            "revoke" => Some(&mut self.revoke),
            "keys" => Some(&mut self.keys),
            "certificates" => Some(&mut self.certificates),
            _ => None,
        }
    }

    pub(super) fn check(&self, wrong: &mut Vec<FieldError>) {
        for (name, url) in self.each() {
            if let Some(Err(why)) = url.map(endpoint_url) {
                wrong.push(FieldError::new(format!("/endpoints/{name}"), why));
            }
        }
    }
}

/// `https://`, a host, perhaps a port, perhaps a path and a query; no user, no fragment (RFC 6749, 3.1 and 3.2).
fn endpoint_url(text: &str) -> Result<(), Invalid> {
    const RULE: Invalid =
        Invalid("is no endpoint: https:// and a host, perhaps a port and a path, without user and fragment");
    let visible = text.len() <= MAX_URI && text.bytes().all(|byte| byte.is_ascii_graphic());
    let (scheme, rest) = text.split_once("://").filter(|_| visible).ok_or(RULE)?;
    if !scheme.eq_ignore_ascii_case("https") {
        return Err(Invalid("doesn't begin with https://; endpoints are reached over TLS alone"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let holds = !rest.contains(['#', '\\']) && host(authority).is_some();
    if holds { Ok(()) } else { Err(RULE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_and_near_misses() {
        for right in [
            "https://1234567-sb1.app.netsuite.com/app/login/oauth2/authorize.nl",
            "https://a.example",
            "https://a.example:8443/token?x=1",
            "HTTPS://192.0.2.1/",
            "https://[2001:db8::1]:443/",
        ] {
            assert_eq!(endpoint_url(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "http://a.example/",
            "ftp://a.example/",
            "a.example/token",
            "https://",
            "https:///x",
            "https://user@a.example/",
            "https://user:secret@a.example/",
            "https://a.example/#x",
            "https://a.example:0/",
            "https://a.example:65536/",
            "https://a.example:+1/",
            "https://a.example:/",
            "https://2001:db8::1/",
            "https://a b/",
            "https://a.example\\@b.example/",
            "https://*.example.com/",
            "https://\u{e4}.example/",
        ] {
            assert!(endpoint_url(wrong).is_err(), "{wrong}");
        }
    }
}
