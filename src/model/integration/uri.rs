//! Redirect URIs.

use std::net::IpAddr;

use crate::model::domain::Domain;
use crate::model::word::Invalid;

/// The longest URI that a record takes.
pub(super) const MAX_URI: usize = 2000;

/// A redirect URI: `https://` and a host, perhaps a port, or a custom scheme such as `myapp://callback`. `http://` is refused.
pub fn redirect_uri(text: &str) -> Result<(), Invalid> {
    const RULE: Invalid =
        Invalid("is no redirect URI: https://host/… or a custom scheme such as myapp://callback");
    if text.len() > MAX_URI || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(RULE);
    }
    let (scheme, rest) = text.split_once("://").ok_or(RULE)?;
    let scheme_holds = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if scheme.eq_ignore_ascii_case("http") {
        return Err(Invalid("begins with http://; NetSuite takes https:// or a custom scheme"));
    }
    let rest_holds = if scheme.eq_ignore_ascii_case("https") {
        host(authority(rest)).is_some()
    } else {
        !authority(rest).is_empty()
    };
    if scheme_holds && rest_holds { Ok(()) } else { Err(RULE) }
}

/// Whether a client that registers itself with this redirect URI must also tell the right client name: localhost
/// and custom schemes are anybody's.
pub(super) fn needs_client_name(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return true };
    let Some(host) = Some(authority(rest)).filter(|_| scheme.eq_ignore_ascii_case("https")).and_then(host)
    else {
        return true;
    };
    let address = host.as_str().parse::<IpAddr>();
    host.as_str() == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What stands before the path of a URI whose scheme and `://` are gone.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The host of an authority without a user, perhaps with a port; an IPv6 address is in brackets.
pub(super) fn host(authority: &str) -> Option<Domain> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port_holds = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let bracketed = host.starts_with('[') == host.contains(':');
    host.parse().ok().filter(|_| port_holds && bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_and_near_misses() {
        for right in [
            "https://1234567.extforms.netsuite.com/app/site/hosting/scriptlet.nl?script=1&url=mobile",
            "myapp://callback",
            "myapp://user@callback:x",
            "HTTPS://A.example:8443?x",
            "https://[2001:db8::1]:8443/x",
        ] {
            assert!(redirect_uri(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "http://a.example/",
            "HTTP://a.example",
            "https://",
            "https:///x",
            "a.example",
            "1app://x",
            "https://a b",
            "https://\u{e4}",
            "https://:443/cb",
            "https://@/",
            "https://user@/cb",
            "https://user@a.example/",
            "https://a.example:/cb",
            "https://a.example:0/cb",
            "https://a.example\\@b.example/",
            "https://*.example.com/",
            "https://127.1/cb",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://::1/",
        ] {
            assert!(redirect_uri(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_anybodys_needs_a_name() {
        for uri in [
            "myapp://callback",
            "https://localhost/x",
            "https://LOCALHOST:8443",
            "https://localhost./",
            "https://127.0.0.1:1/x",
            "https://[::1]:8443/x",
            "HTTPS://localhost?x",
            "https://[::ffff:127.0.0.1]/cb",
            "https://[::ffff:7f00:1]:8443/cb",
            // In records of before.
            "https://127.1/cb",
            "https://2130706433/",
            "https://user@localhost/",
        ] {
            assert!(needs_client_name(uri), "{uri}");
        }
        for uri in ["https://a.example/localhost", "https://localhost.example/", "https://[2001:db8::1]/"] {
            assert!(!needs_client_name(uri), "{uri}");
        }
    }
}
