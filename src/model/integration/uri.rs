//! Redirect URIs.

use crate::model::word::Invalid;

/// The longest URI that a record takes.
pub(super) const MAX_URI: usize = 2000;

/// A redirect URI: `https://` and a host, or a custom scheme such as `myapp://callback`. `http://` is refused.
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
    if !scheme_holds || rest.is_empty() || rest.starts_with(['/', '?', '#']) { Err(RULE) } else { Ok(()) }
}

/// Whether a client that registers itself with this redirect URI must also tell the right client name: localhost
/// and custom schemes are anybody's.
pub(super) fn needs_client_name(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return true };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let bare = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    !scheme.eq_ignore_ascii_case("https")
        || is_loopback
        || bare.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_and_near_misses() {
        for right in [
            "https://1234567.extforms.netsuite.com/app/site/hosting/scriptlet.nl?script=1&url=mobile",
            "myapp://callback",
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
        ] {
            assert!(needs_client_name(uri), "{uri}");
        }
        for uri in ["https://a.example/localhost", "https://localhost.example/", "https://[2001:db8::1]/"] {
            assert!(!needs_client_name(uri), "{uri}");
        }
    }
}
