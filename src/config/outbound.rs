//! `oauth` and `outbound`: what calls out of the daemon may reach beyond what they reach anyhow. Nothing makes such calls yet.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::read::none_or_path;
use super::settings::Settings;
use super::table::Table;
use crate::model::{DomainPattern, Invalid};

/// Where tokens may be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OAuth {
    /// Beyond `*.netsuite.com`.
    pub allowed_hosts: Vec<DomainPattern>,
}

/// What requests may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// A PEM file of roots that servers' certificates may come from, beside the host's.
    pub extra_ca: Option<PathBuf>,
    /// Beyond globally routable ones.
    pub allow_addresses: Vec<AddressRange>,
    /// At least one.
    pub allow_ports: Vec<u16>,
}

/// IP addresses that begin with the same bits, in CIDR notation (RFC 4632, RFC 4291 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    /// All bits behind the prefix are 0.
    first: IpAddr,
    /// How many bits are the same: up to 32, or 128.
    prefix: u8,
}

impl Default for Outbound {
    fn default() -> Self {
        Self { extra_ca: None, allow_addresses: Vec::new(), allow_ports: vec![443] }
    }
}

impl FromStr for AddressRange {
    type Err = Invalid;

    /// `10.0.0.0/8`; a bare address is a range of one.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        const RULE: Invalid = Invalid(
            "is no range of IP addresses: write 10.0.0.0/8, fd00::/8, or 192.0.2.7/32 for a single one",
        );
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let first: IpAddr = address.parse().map_err(|_| RULE)?;
        let (bits, longest) = match first {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            // The system dials the IPv4 address in it, so that a range of these would allow what it doesn't name.
            IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
                return Err(Invalid(
                    "is an IPv4 address written as IPv6: write 192.0.2.7/32 for ::ffff:192.0.2.7/128",
                ));
            }
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let prefix = match length {
            None => longest,
            // `parse` takes +8 and 08 too.
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|length: &u8| *length <= longest && length.to_string() == digits)
                .ok_or(RULE)?,
        };
        let behind = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
        if bits & behind != 0 {
            // One address was meant, or the whole range: this file isn't for guesses.
            return Err(Invalid(
                "has bits behind its prefix, as 10.1.2.3/8 has: write 10.0.0.0/8 for the range, 10.1.2.3/32 for the address",
            ));
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.prefix)
    }
}

impl Settings {
    /// The keys of this file that are set, which nothing uses yet.
    pub fn unused(&self) -> Vec<&'static str> {
        let default = Outbound::default();
        [
            ("oauth.allowed_hosts", !self.oauth.allowed_hosts.is_empty()),
            ("outbound.extra_ca", self.outbound.extra_ca.is_some()),
            ("outbound.allow_addresses", !self.outbound.allow_addresses.is_empty()),
            ("outbound.allow_ports", self.outbound.allow_ports != default.allow_ports),
        ]
        .into_iter()
        .filter_map(|(key, is_set)| is_set.then_some(key))
        .collect()
    }
}

pub(super) fn oauth(table: &mut Table) -> OAuth {
    OAuth { allowed_hosts: table.list("allowed_hosts", said).unwrap_or_default() }
}

pub(super) fn outbound(table: &mut Table) -> Outbound {
    let default = Outbound::default();
    let port = |number: u64| u16::try_from(number).expect("bounded by the range");
    Outbound {
        extra_ca: table.text("extra_ca", none_or_path).unwrap_or(default.extra_ca),
        allow_addresses: table.list("allow_addresses", said).unwrap_or(default.allow_addresses),
        allow_ports: table
            .distinct_numbers("allow_ports", 1..=65_535)
            .map_or(default.allow_ports, |read| read.into_iter().map(port).collect()),
    }
}

fn said<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|invalid: Invalid| invalid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written_in_one_spelling() {
        for (typed, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.0.2.7/32", "192.0.2.7/32"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.254/31", "192.0.2.254/31"),
            ("::/0", "::/0"),
            ("FD00:0::/8", "fd00::/8"),
            ("::1", "::1/128"),
            ("2001:db8::8000/113", "2001:db8::8000/113"),
        ] {
            assert_eq!(
                typed.parse::<AddressRange>().map(|range| range.to_string()),
                Ok(shown.to_owned()),
                "{typed}"
            );
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (wrong, why) in [
            ("", "no range"),
            ("/8", "no range"),
            ("10/8", "no range"),
            ("10.0.0.0/", "no range"),
            ("10.0.0.0/33", "no range"),
            ("10.0.0.0/08", "no range"),
            ("10.0.0.0/+8", "no range"),
            ("10.0.0.0/-1", "no range"),
            ("10.0.0.0/256", "no range"),
            ("10.0.0.0/255.0.0.0", "no range"),
            ("10.0.0.0 /8", "no range"),
            ("10.0.0.0/8/8", "no range"),
            ("010.0.0.0/8", "no range"),
            ("[::1]/128", "no range"),
            ("fe80::1%eth0/128", "no range"),
            ("::/129", "no range"),
            ("host.example", "no range"),
            ("10.1.2.3/8", "bits behind its prefix"),
            ("192.0.2.1/31", "bits behind its prefix"),
            ("1.0.0.0/0", "bits behind its prefix"),
            ("::1/127", "bits behind its prefix"),
            ("::ffff:10.0.0.0/104", "IPv4 address written as IPv6"),
        ] {
            let said = wrong.parse::<AddressRange>().unwrap_err().to_string();
            assert!(said.contains(why), "{wrong}: {said}");
        }
    }

    #[test]
    fn what_is_set_is_told() {
        assert!(Settings::default().unused().is_empty());
        let ports = Outbound { allow_ports: vec![443, 8443], ..Outbound::default() };
        assert_eq!(Settings { outbound: ports, ..Settings::default() }.unused(), ["outbound.allow_ports"]);
    }
}
