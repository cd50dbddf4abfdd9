//! From a TLS error to what to do about it.

use std::error::Error;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError};

use super::address::Address;

/// The TLS error in a chain of errors. `io::Error` hides what it wraps from `source`.
pub(super) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// One sentence that tells whose fault it is, one that tells what to type. `until`: the end of the identity's certificate, where
/// this host's clock hasn't come to it yet.
pub(super) fn advice(
    error: &rustls::Error,
    identity: &Path,
    address: &Address,
    until: Option<Timestamp>,
) -> String {
    let identity = identity.display();
    match (error, until) {
        // The daemon's word for one that isn't valid yet, too: who replaced it would lock everybody out once the clock is right.
        (rustls::Error::AlertReceived(AlertDescription::CertificateExpired), Some(until)) => format!(
            "the daemon at {address} says that the certificate {identity}/cert.pem isn't valid at this time, and it ends on {}: is \
             the clock right, here and there? date --utc",
            until.strftime("%Y-%m-%d %H:%M:%SZ")
        ),
        (rustls::Error::AlertReceived(alert), _) => of_alert(*alert, &identity.to_string(), address),
        (rustls::Error::InvalidCertificate(why), _) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
                "the certificate of the daemon at {address} has expired; it renews it when it starts or is unsealed: \
                 restart it"
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
                "the certificate of the daemon at {address} is not valid yet: is this host's clock right?"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
                "whoever answers at {address} has a certificate for another name; it is no fsm-vault of this host"
            ),
            _ => format!(
                "whoever answers at {address} is not the vault of {identity}/ca.pem; name that vault's address with \
                 --addr, or an identity of this vault with --identity"
            ),
        },
        (other, _) => format!("no TLS with {address}: {other}; it takes fsm-vault's own TLS 1.3 there"),
    }
}

/// The registration stays what it was.
const ANOTHER: &str = "has another one made: fsm-vault caller certify NAME --out DIR";

fn of_alert(alert: AlertDescription, identity: &str, address: &Address) -> String {
    match alert {
        AlertDescription::CertificateExpired => format!(
            "the certificate {identity}/cert.pem has expired. A full operator {ANOTHER}; a full operator without any \
             gets in again, on the daemon's host, with: fsm-vault operator recover"
        ),
        AlertDescription::UnknownCA | AlertDescription::DecryptError => format!(
            "the daemon at {address} doesn't know the CA of {identity}/cert.pem: the identity belongs to another \
             vault. Name this vault's with --identity, or the other one's address with --addr"
        ),
        AlertDescription::CertificateRequired => {
            format!("the daemon at {address} got no certificate; is there one in {identity}/cert.pem?")
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRevoked
        | AlertDescription::AccessDenied => format!(
            "the daemon at {address} doesn't accept the certificate {identity}/cert.pem as a caller's. A full \
             operator {ANOTHER}"
        ),
        other => {
            format!("the daemon at {address} refused the TLS connection ({other:?}); its log tells more")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_found_however_deep_it_lies() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        let alert = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        let outer = Outer(io::Error::new(io::ErrorKind::InvalidData, alert.clone()));
        assert_eq!(find(&outer), Some(&alert));
        assert_eq!(find(&io::Error::other(outer)), Some(&alert));
        assert_eq!(find(&io::Error::from(io::ErrorKind::BrokenPipe)), None);
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let address: Address = "https://127.0.0.1:8271".parse().unwrap();
        let alert = rustls::Error::AlertReceived;
        for (error, says) in [
            (alert(AlertDescription::CertificateExpired), "fsm-vault caller certify NAME"),
            (alert(AlertDescription::UnknownCA), "--identity"),
            (alert(AlertDescription::CertificateRequired), "/id/cert.pem"),
            (alert(AlertDescription::BadCertificate), "fsm-vault caller certify NAME"),
            (alert(AlertDescription::InternalError), "its log"),
            (CertificateError::Expired.into(), "restart"),
            (CertificateError::NotValidYet.into(), "clock"),
            (CertificateError::UnknownIssuer.into(), "/id/ca.pem"),
            (CertificateError::NotValidForName.into(), "another name"),
            (rustls::Error::HandshakeNotComplete, "TLS 1.3"),
        ] {
            let text = advice(&error, Path::new("/id"), &address, None);
            assert!(text.contains(says), "{text}");
        }
        let until = Some("2027-02-27T13:27:41Z".parse().unwrap());
        let text = advice(&alert(AlertDescription::CertificateExpired), Path::new("/id"), &address, until);
        assert!(text.contains("2027-02-27") && text.contains("clock") && !text.contains("revoke"), "{text}");
    }
}
