//! What keeps a daemon from listening where the configuration says, as far as it can be told without listening.

use std::fs::{Metadata, metadata, read_to_string, symlink_metadata};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::named::{By, Unusable};
use crate::config::Listen;

const KEY: &str = "listen";
/// The host's IPv6 addresses: each in 32 hex digits at a line's start. Not there where IPv6 is off.
const IPV6_ADDRESSES: &str = "/proc/net/if_inet6";
/// The first port that every user may take.
const FIRST_FREE_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const STATUS: &str = "/proc/self/status";
/// CAP_NET_BIND_SERVICE, of the rights in `CapEff`.
const NET_BIND_SERVICE: u64 = 1 << 10;

/// What is in the way of one address. Whether somebody else listens there, the start tells.
pub(super) fn unlistenable(listen: &Listen) -> Option<Unusable> {
    let (detail, by) = match listen {
        Listen::Unix(path) => in_the_way(path)?,
        Listen::Tcp(address) => {
            let of_this_host = read_to_string(IPV6_ADDRESSES).unwrap_or_default();
            if !is_of_this_host(address.ip(), &of_this_host) {
                let detail = format!(
                    "is no address of this host ({IPV6_ADDRESSES}): write tcp:127.0.0.1:{}",
                    address.port()
                );
                (detail, By::Anyone)
            } else if is_reserved(address.port()) {
                let detail = "is a port that takes a right (CAP_NET_BIND_SERVICE); write a higher one";
                (detail.to_owned(), By::ThisUser)
            } else {
                return None;
            }
        }
    };
    Some(Unusable { key: KEY, detail: format!("{listen} {detail}"), by })
}

/// Of loopback addresses, which alone are let through: the whole of 127.0.0.0/8 is the host's own.
fn is_of_this_host(address: IpAddr, of_this_host: &str) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => {
            let digits = format!("{:032x}", address.to_bits());
            of_this_host.lines().any(|line| line.starts_with(&digits))
        }
    }
}

/// Whether this process may not take such a port, which is for those alone who have the right to.
fn is_reserved(port: u16) -> bool {
    let number = |path: &str| read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    let first_free: u16 = number(FIRST_FREE_PORT).unwrap_or(1024);
    (1..first_free).contains(&port) && !may_bind(&read_to_string(STATUS).unwrap_or_default())
}

/// Whether a process with this `status` has the right to take any port.
fn may_bind(status: &str) -> bool {
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let rights = rights.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    rights.is_some_and(|rights| rights & NET_BIND_SERVICE != 0)
}

fn in_the_way(path: &Path) -> Option<(String, By)> {
    if symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        return Some(("is a file that is no socket: remove it, or name another path".to_owned(), By::Anyone));
    }
    // Directories that are missing are made by the start: the first that is there counts.
    let (above, found) = path.ancestors().skip(1).find_map(is_there)?;
    let shown = above.display();
    match found {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Some((format!("can't be made: {shown} may not be looked into"), By::ThisUser))
        }
        Err(error) => Some((format!("can't be made: {shown}: {error}"), By::Anyone)),
        Ok(found) if !found.is_dir() => Some((format!("can't be made: {shown} is no directory"), By::Anyone)),
        Ok(_) => access(above, Access::WRITE_OK | Access::EXEC_OK)
            .err()
            .map(|error| (format!("can't be made: {shown} can't be written to ({error})"), By::ThisUser)),
    }
}

/// None: there is no such thing.
fn is_there(path: &Path) -> Option<(&Path, io::Result<Metadata>)> {
    match metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some((path, found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(listen: &str) -> Option<String> {
        unlistenable(&listen.parse().unwrap()).map(|found| found.to_string())
    }

    #[test]
    fn the_right_to_take_a_low_port_is_one_bit() {
        assert!(may_bind("Name:\tx\nCapEff:\t000001ffffffffff\n") && may_bind("CapEff:\t0000000000000400"));
        assert!(!may_bind("CapEff:\t0000000000000000") && !may_bind("CapEff:\t000001fffffffbff"));
        assert!(!may_bind("CapPrm:\t000001ffffffffff") && !may_bind(""));
    }

    #[test]
    fn a_socket_has_a_directory_or_one_that_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("unix:{}/{name}", folder.path().display());
        std::fs::write(folder.path().join("file"), "").unwrap();
        for right in ["vault.sock", "a/b/vault.sock"] {
            assert_eq!(told(&at(right)), None, "{right}");
        }
        for (wrong, why) in
            [("file", "is no socket"), ("file/vault.sock", "file"), ("file/a/vault.sock", "file")]
        {
            let told = told(&at(wrong)).unwrap();
            assert!(told.starts_with("listen: unix:") && told.contains(why), "{told}");
        }
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("dead.sock")).unwrap());
        assert_eq!(told(&at("dead.sock")), None, "the start replaces it");
    }

    #[test]
    fn an_address_is_one_of_this_host() {
        let loopback = "00000000000000000000000000000001 01 80 10 80       lo\n";
        assert!(is_of_this_host("::1".parse().unwrap(), loopback));
        assert!(!is_of_this_host(
            "::1".parse().unwrap(),
            "fe80000000000000aaaaaaaaaaaaaaaa 02 40 20 80 eth0\n"
        ));
        assert!(!is_of_this_host("::1".parse().unwrap(), ""));
        assert!(is_of_this_host("127.1.2.3".parse().unwrap(), ""));
    }
}
