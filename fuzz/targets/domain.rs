//! Host names and patterns: one spelling each, and matching against a naive model on labels.
#![no_main]

use std::net::IpAddr;

use fsm_vault::model::{Domain, DomainPattern};
use fsm_vault_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (first, second) = (input.line(), input.line());
    let (Ok(pattern), Ok(host)) = (first.parse::<DomainPattern>(), second.parse::<Domain>()) else {
        if let Ok(host) = first.parse::<Domain>() {
            is_plain(&host);
        }
        return;
    };
    is_plain(&host);
    assert_eq!(pattern.as_str().parse::<DomainPattern>().as_ref(), Ok(&pattern));
    assert_eq!(pattern.allows(&host), model(pattern.as_str(), host.as_str()), "{pattern} {host}");
    // A host on a list means itself, and no pattern is a host.
    let own: DomainPattern = host.as_str().parse().expect("a host is a pattern");
    assert!(own.allows(&host));
    assert_eq!(pattern.as_str().parse::<Domain>().is_err(), pattern.as_str().starts_with("*."));
});

fn is_plain(host: &Domain) {
    let text = host.as_str();
    assert_eq!(text.parse::<Domain>().as_ref(), Ok(host), "one spelling");
    if text.parse::<IpAddr>().is_err() {
        assert!(text.len() <= 253 && text.split('.').all(|label| (1..=63).contains(&label.len())));
        assert!(text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')), "{text}");
        // Dotted or upper-cased, it is the same host.
        assert_eq!(format!("{text}.").parse::<Domain>().as_ref(), Ok(host));
        assert_eq!(text.to_ascii_uppercase().parse::<Domain>().as_ref(), Ok(host));
    }
}

/// NETSUITE.md: the same labels, `*` in front for exactly one, and an address only as itself.
fn model(pattern: &str, host: &str) -> bool {
    if pattern.parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
        return pattern == host;
    }
    let (pattern, host): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    pattern.len() == host.len()
        && pattern.iter().zip(&host).all(|(wanted, label)| *wanted == "*" || wanted == label)
}
