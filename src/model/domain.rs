//! Host names, and the patterns that restrict where a value may be sent.
//!
//! NETSUITE.md, API secrets: exact host, case-folded, IDNA to A-label, trailing dot dropped, no port; a
//! leading `*.` stands for exactly one label; IP literals match only if they are listed.

use std::borrow::Cow;
use std::net::IpAddr;

use super::word::{Invalid, word};

word! {
    /// A host that a caller means to send a value to.
    Domain, domain
}
word! {
    /// A host, or `*.` and a host, on a secret's list.
    DomainPattern, pattern
}

const RULE: Invalid =
    Invalid("is no domain: a host name such as system.netsuite.com, without scheme, port or path");

fn domain(text: &str) -> Result<Cow<'_, str>, Invalid> {
    if text.len() > 512 {
        return Err(RULE);
    }
    if is_plain(text) { Ok(Cow::Borrowed(text)) } else { folded(text).map(Cow::Owned) }
}

fn folded(text: &str) -> Result<String, Invalid> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::STD3).map_err(|_| RULE)?;
    let host = ascii.strip_suffix('.').unwrap_or(&ascii);
    let labels_hold = host
        .split('.')
        .all(|label| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-'));
    // A last label of digits (or 0x…) is an IPv4 address to some resolvers: `127.1`, `0x7f000001`.
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if host.is_empty() || host.len() > 253 || !labels_hold || numeric {
        Err(RULE)
    } else {
        Ok(host.to_owned())
    }
}

/// Whether this is a host name as it is spelled nearly always, of which nothing is to be folded: lower-case letters,
/// digits and hyphens in labels, the last of letters alone, and none that IDNA looks into (`xn--`).
fn is_plain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.as_bytes().get(2..4) != Some(b"--")
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && last.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn pattern(text: &str) -> Result<String, Invalid> {
    match text.strip_prefix("*.") {
        None => domain(text).map(Cow::into_owned),
        Some(rest) => {
            let parent = domain(rest)?;
            if parent.parse::<IpAddr>().is_ok() {
                return Err(Invalid("is no domain: `*.` can't stand before an IP address"));
            }
            if !parent.contains('.') {
                return Err(Invalid(
                    "is no domain: `*.` before a single label would match a whole top-level domain",
                ));
            }
            Ok(format!("*.{parent}"))
        }
    }
}

impl Domain {
    /// Whether it is an IP address and no name.
    pub fn is_address(&self) -> bool {
        self.as_str().parse::<IpAddr>().is_ok()
    }
}

impl DomainPattern {
    /// Whether `domain` is what this pattern means.
    pub fn allows(&self, domain: &Domain) -> bool {
        match self.as_str().strip_prefix("*.") {
            None => self.as_str() == domain.as_str(),
            Some(parent) => {
                domain.as_str().split_once('.').is_some_and(|(_, rest)| rest == parent)
                    && !domain.is_address()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_plain_is_folded_to_itself(text in "[a-z0-9.-]{1,12}|[a-z]{1,3}(\\.[a-z0-9-]{1,64}){0,4}|xn--[a-z0-9]{1,6}") {
            if is_plain(&text) {
                prop_assert_eq!(folded(&text).ok(), Some(text));
            }
        }
    }

    #[test]
    fn usual_hosts_are_plain_and_others_are_looked_into() {
        for plain in ["system.netsuite.com", "localhost", "a1-b.example", "7.example"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "a.",
            ".a",
            "a..b",
            "A.example",
            "xn--bcher-kva.example",
            "127.1",
            "0x7f",
            "-a.b",
            "a b",
            "é.fr",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    fn allows(pattern: &str, domain: &str) -> bool {
        pattern.parse::<DomainPattern>().unwrap().allows(&domain.parse().unwrap())
    }

    #[test]
    fn matches_and_near_misses() {
        for (pattern, domain) in [
            ("system.netsuite.com", "system.netsuite.com"),
            ("system.netsuite.com", "SYSTEM.NetSuite.com."),
            ("*.netsuite.com", "system.netsuite.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("*.bücher.example", "a.BÜCHER.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "[2001:DB8:0::1]"),
        ] {
            assert!(allows(pattern, domain), "{pattern} {domain}");
        }
        for (pattern, domain) in [
            ("system.netsuite.com", "netsuite.com"),
            ("system.netsuite.com", "xsystem.netsuite.com"),
            ("system.netsuite.com", "system.netsuite.com.example"),
            ("*.netsuite.com", "netsuite.com"),
            ("*.netsuite.com", "a.b.netsuite.com"),
            ("*.netsuite.com", "evilnetsuite.com"),
            ("*.netsuite.com", "system.netsuite.com.example"),
            ("192.0.2.1", "192.0.2.10"),
            ("192.0.2.1", "2001:db8::1"),
        ] {
            assert!(!allows(pattern, domain), "{pattern} {domain}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in [
            "",
            ".",
            "..",
            "a..b",
            "https://a.example",
            "a.example:443",
            "a.example/",
            "a b",
            "-a.example",
            "a-.example",
            "a_b.example",
            "*.example.com",
            "127.1",
            "0x7f000001",
            "1.2.3.4.5",
            "[::1",
            "a@b.example",
            "a%2eb",
            "a\0b",
            &"a".repeat(64),
            &"a.".repeat(200),
        ] {
            assert!(wrong.parse::<Domain>().is_err(), "{wrong}");
        }
        for wrong in
            ["*", "*.", "*.com", "*.*.example.com", "a.*.example.com", "*.192.0.2.1", "*a.example.com"]
        {
            assert!(wrong.parse::<DomainPattern>().is_err(), "{wrong}");
        }
    }
}
