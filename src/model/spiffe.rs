//! SPIFFE IDs (the SPIFFE-ID standard, section 2): `spiffe://<trust-domain>/<path>`.

use super::name::CallerName;
use super::word::{Invalid, word};

word! {
    /// A trust domain: 1 to 255 lower-case letters, digits, `.`, `-` or `_`.
    TrustDomain, trust_domain
}
word! {
    /// A whole SPIFFE ID with a path, at most 2048 bytes, without `.` and `..` segments.
    SpiffeId, spiffe_id
}

fn trust_domain(text: &str) -> Result<String, Invalid> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    if (1..=255).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(Invalid("is no trust domain: 1 to 255 lower-case letters, digits, `.`, `-` or `_`"))
    }
}

fn spiffe_id(text: &str) -> Result<String, Invalid> {
    const RULE: Invalid =
        Invalid("is no SPIFFE ID: spiffe://trust-domain/path, the path of letters, digits, `.`, `-` and `_`");
    let rest = text.strip_prefix("spiffe://").filter(|_| text.len() <= 2048).ok_or(RULE)?;
    let (domain, path) = rest.split_once('/').ok_or(RULE)?;
    trust_domain(domain).map_err(|_| RULE)?;
    let segment_holds = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    if path.split('/').all(segment_holds) { Ok(text.to_owned()) } else { Err(RULE) }
}

impl TrustDomain {
    /// The trust domain of a vault's own CA unless `init` is told another.
    pub const DEFAULT: &str = "fsm-vault.internal";
}

impl SpiffeId {
    /// The ID of a caller whose certificate this vault issues: `spiffe://<domain>/caller/<name>`.
    pub fn of_caller(domain: &TrustDomain, name: &CallerName) -> Self {
        Self(format!("spiffe://{domain}/caller/{name}").into())
    }

    /// The part between `spiffe://` and the path.
    pub fn trust_domain(&self) -> TrustDomain {
        let domain = self.as_str().split('/').nth(2).unwrap_or_default();
        domain.parse().expect("a SPIFFE ID was parsed with a valid trust domain")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_and_near_misses() {
        for right in
            ["spiffe://fsm-vault.internal/caller/fsm", "spiffe://a/b", "spiffe://example.org/ns/Prod/sa/x"]
        {
            assert!(right.parse::<SpiffeId>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "spiffe://",
            "spiffe://a",
            "spiffe://a/",
            "spiffe:///x",
            "SPIFFE://a/b",
            "spiffe://A/b",
            "spiffe://a/b/",
            "spiffe://a//b",
            "spiffe://a/../b",
            "spiffe://a/./b",
            "spiffe://a:1/b",
            "spiffe://u@a/b",
            "spiffe://a/b?c",
            "spiffe://a/b#c",
            "spiffe://a/%62",
            "https://a/b",
        ] {
            assert!(wrong.parse::<SpiffeId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_trust_domain_is_the_authority() {
        let id: SpiffeId = "spiffe://example.org/ns/x".parse().unwrap();
        assert_eq!(id.trust_domain().as_str(), "example.org");
    }
}
