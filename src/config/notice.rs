//! `notice`: when people are told, and how.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::read::{none_or_path, seconds};
use super::table::Table;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Days before an end, in any order.
    pub ladder_days: Vec<u32>,
    pub pair_age_days: u32,
    pub low_space_mib: u64,
    pub critical_space_mib: u64,
    /// The hook program's absolute path and its arguments; empty: none.
    pub command: Vec<String>,
    pub command_timeout: Duration,
    pub smtp: Option<Smtp>,
}

/// A mail server and what it is used with. Addresses are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    pub from: String,
    /// Who gets everything.
    pub to: Vec<String>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// A PEM file of roots; None: the host's.
    pub ca: Option<PathBuf>,
    /// For one attempt.
    pub timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte on.
    Implicit,
    /// Asked for, and insisted on.
    StartTls,
    /// None, which only a loopback server gets.
    None,
}

impl Default for Notice {
    fn default() -> Self {
        Self {
            ladder_days: vec![30, 14, 7, 3, 1, 0],
            pair_age_days: 180,
            low_space_mib: 256,
            critical_space_mib: 64,
            command: Vec::new(),
            command_timeout: Duration::from_secs(30),
            smtp: None,
        }
    }
}

pub(super) fn read(table: &mut Table) -> Notice {
    let default = Notice::default();
    let days = |number: u64| u32::try_from(number).expect("bounded by the range");
    let critical_line = table.line_of("critical_space_mib");
    let read = Notice {
        ladder_days: table
            .numbers("ladder_days", 0..=3650)
            .map_or(default.ladder_days, |read| read.into_iter().map(days).collect()),
        pair_age_days: table.number("pair_age_days", 1..=36_500).map_or(default.pair_age_days, days),
        low_space_mib: table.number("low_space_mib", 0..=LARGEST_MIB).unwrap_or(default.low_space_mib),
        critical_space_mib: table
            .number("critical_space_mib", 0..=LARGEST_MIB)
            .unwrap_or(default.critical_space_mib),
        command: table.command("command").unwrap_or(default.command),
        command_timeout: seconds(table, "command_seconds", 1..=600).unwrap_or(default.command_timeout),
        smtp: table.section("smtp", smtp),
    };
    if read.critical_space_mib > read.low_space_mib {
        let rule = "is more than notice.low_space_mib; critical comes after low";
        table.note(critical_line, "critical_space_mib", rule);
    }
    read
}

/// A tebibyte's worth: more is no floor but a mistake.
const LARGEST_MIB: u64 = 1 << 20;

fn smtp(table: &mut Table) -> Option<Smtp> {
    const KEYS: [&str; 9] =
        ["port", "tls", "from", "to", "username", "password_file", "ca", "seconds", "host"];
    let line = KEYS.iter().find_map(|key| table.line_of(key));
    let [tls_line, password_line] = ["tls", "password_file"].map(|key| table.line_of(key));
    // A value that was noted as wrong isn't missing as well.
    let has_from = table.line_of("from").is_some();
    let has_host = table.line_of("host").is_some();
    let host = table.text("host", host);
    let host_is_missing = !has_host || host == Some(None);
    let tls = [("starttls", SmtpTls::StartTls), ("implicit", SmtpTls::Implicit), ("none", SmtpTls::None)];
    let tls = table.choice("tls", &tls).unwrap_or(SmtpTls::StartTls);
    let port =
        table.number("port", 1..=65_535).map(|port| u16::try_from(port).expect("bounded by the range"));
    let from = table.text("from", none_or_address);
    let from_is_missing = !has_from || from == Some(None);
    let read = Smtp {
        port: port.unwrap_or(match tls {
            SmtpTls::StartTls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        }),
        tls,
        from: from.flatten().unwrap_or_default(),
        to: table.list("to", address).unwrap_or_default(),
        username: table.text("username", none_or_word).flatten(),
        password_file: table.text("password_file", none_or_path).flatten(),
        ca: table.text("ca", none_or_path).flatten(),
        timeout: seconds(table, "seconds", 1..=600).unwrap_or(Duration::from_secs(30)),
        host: host.flatten().unwrap_or_default(),
    };
    if read.host.is_empty() {
        // The file as it ships shows all keys with their defaults, which ask for nothing.
        let asks = !read.from.is_empty()
            || !read.to.is_empty()
            || read.username.is_some()
            || read.password_file.is_some()
            || read.ca.is_some()
            || read.tls != SmtpTls::StartTls
            || read.port != 587;
        if asks && host_is_missing {
            let rule = "is missing: the mail server that the other keys of this table are for";
            table.note(line, "host", rule);
        }
        return None;
    }
    if from_is_missing {
        table.note(line, "from", "is missing: the address that the vault writes from");
    }
    if read.tls == SmtpTls::None && !is_loopback(&read.host) {
        let rule = "is none, which goes to this host alone: localhost, 127.0.0.1 or ::1";
        table.note(tls_line, "tls", rule);
    }
    if read.password_file.is_some() && read.username.is_none() {
        table.note(password_line, "password_file", "is given without notice.smtp.username");
    }
    // Without an address there is no mailer to try them with.
    if read.from.is_empty() { None } else { Some(read) }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Empty stands for none, here and below, so that the keys can be shown with their defaults.
fn host(text: &str) -> Result<Option<String>, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    match text {
        "" => Ok(None),
        _ if text.len() <= 253 && text.bytes().all(allowed) => Ok(Some(text.to_owned())),
        _ => Err("takes a host name or an IP address, without a port".to_owned()),
    }
}

fn none_or_address(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() { Ok(None) } else { address(text).map(Some) }
}

/// A bare address. What is more than that (names, comments, line ends) has no place in a header.
fn address(text: &str) -> Result<String, String> {
    let rule = |_| "takes a mail address, such as vault@example.org".to_owned();
    text.parse::<lettre::Address>().map(|address| address.to_string()).map_err(rule)
}

fn none_or_word(text: &str) -> Result<Option<String>, String> {
    match text {
        "" => Ok(None),
        _ if text.len() <= 256 && !text.chars().any(char::is_control) => Ok(Some(text.to_owned())),
        _ => Err("takes at most 256 characters on one line".to_owned()),
    }
}
