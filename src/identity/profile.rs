//! The form of the certificates that the local CA makes: names, purposes, times, constraints.
//!
//! Strict readers (`openssl verify -x509_strict`, webpki, Python's `ssl`) accept all of them; the tests of
//! [`super::Authority`] ask openssl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, SanType,
};

use super::error::IdentityError;
use crate::model::{CallerName, SpiffeId, TrustDomain};

/// Ten years.
pub(super) const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(24 * 3652);
/// One year.
pub(super) const SERVER_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Certificates begin a little in the past, for peers whose clock is behind.
const BEFORE: SignedDuration = SignedDuration::from_mins(5);
/// Characters of a common name (RFC 5280, ub-common-name).
const MAX_COMMON_NAME: usize = 64;
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The CA's own certificate. Its URI name lets a sealed daemon read the trust domain from it.
pub(super) fn authority(
    trust_domain: &TrustDomain,
    now: Timestamp,
) -> Result<CertificateParams, IdentityError> {
    let mut params = blank(now, later(now, AUTHORITY_LIFE))?;
    let mut name = format!("fsm-vault local CA {trust_domain}");
    // All of it is ASCII; the whole trust domain stands in the URI.
    name.truncate(MAX_COMMON_NAME);
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names =
        vec![SanType::URI(format!("spiffe://{trust_domain}").try_into().map_err(crypto)?)];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Whoever trusts this CA, as a browser might, trusts it for this machine alone. URIs can't be named here:
    // webpki refuses every leaf under a URI constraint.
    let whole =
        |address: IpAddr| CidrSubnet::from_addr_prefix(address, if address.is_ipv4() { 32 } else { 128 });
    let mut permitted = vec![GeneralSubtree::DnsName("localhost".to_owned())];
    permitted.extend(LOOPBACK.map(|address| GeneralSubtree::IpAddress(whole(address))));
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    Ok(params)
}

/// A caller's: its SPIFFE ID is the only alternative name.
pub(super) fn caller(
    spiffe: &SpiffeId,
    name: &CallerName,
    now: Timestamp,
    until: Timestamp,
) -> Result<CertificateParams, IdentityError> {
    let mut params = leaf(now, until)?;
    // OpenSSL takes a dotted common name for a host's and then holds the CA's name constraints against it.
    let naming =
        if name.as_str().contains('.') { DnType::OrganizationalUnitName } else { DnType::CommonName };
    params.distinguished_name.push(naming, name.as_str());
    params.subject_alt_names = vec![SanType::URI(spiffe.as_str().try_into().map_err(crypto)?)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// The daemon's, for every name that a local client may use.
pub(super) fn server(now: Timestamp, until: Timestamp) -> Result<CertificateParams, IdentityError> {
    let mut params = leaf(now, until)?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().map_err(crypto)?)];
    params.subject_alt_names.extend(LOOPBACK.map(SanType::IpAddress));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// A time and a span after it, or the end of time.
pub(super) fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn leaf(now: Timestamp, until: Timestamp) -> Result<CertificateParams, IdentityError> {
    let mut params = blank(now, until)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn blank(from: Timestamp, until: Timestamp) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(random_serial()?.to_vec().into());
    let since_epoch = |at: Timestamp| Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(from.checked_sub(BEFORE).unwrap_or(from));
    params.not_after = epoch + since_epoch(until);
    Ok(params)
}

/// 126 random bits, always positive and always 16 octets long.
fn random_serial() -> Result<[u8; 16], IdentityError> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(crypto)?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

fn crypto<E>(_: E) -> IdentityError {
    IdentityError::Crypto
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_positive_and_never_short() {
        for _ in 0..100 {
            assert!((0x40..0x80).contains(&random_serial().unwrap()[0]));
        }
    }

    #[test]
    fn no_time_is_too_far_away() {
        let domain = TrustDomain::DEFAULT.parse().unwrap();
        for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let made = super::super::Authority::create(&domain, now);
            assert!(made.is_ok(), "{now}");
        }
    }
}
