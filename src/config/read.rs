//! The file's grammar: which keys there are, what each takes.
//!
//! A file with a syntax error is told about its syntax alone: what a broken text would mean is guesswork.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use toml::de::DeTable;
use tracing_subscriber::filter::Targets;

use super::listen::Listen;
use super::notice;
use super::problem::Problem;
use super::settings::{Audit, Backup, Durability, Identity, Limits, Log, LogFormat, Rate, Settings, Trust};
use super::table::{Findings, Table, absolute_path};
use crate::model::Invalid;

/// Reads a whole file, or tells everything that is wrong with it.
pub(super) fn settings(text: &str) -> Result<Settings, Vec<Problem>> {
    let mut findings = Findings::new(text);
    let (root, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        // Its message names the rule; its `Display` would show the line.
        let line = error.span().map(|span| findings.line_at(span.start));
        findings.note(line, None, format!("is no TOML: {}", error.message()));
    }
    if !syntax.is_empty() {
        return Err(findings.into_problems());
    }
    let settings = findings.root(root.into_inner(), read);
    let problems = findings.into_problems();
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn read(table: &mut Table) -> Settings {
    let default = Settings::default();
    Settings {
        data_dir: table.text("data_dir", absolute_path).unwrap_or(default.data_dir),
        listen: table.list("listen", listen).unwrap_or(default.listen),
        passphrase_file: table.text("passphrase_file", none_or_path).unwrap_or(default.passphrase_file),
        audit: table.section("audit", audit),
        identity: table.section("identity", identity),
        limits: table.section("limits", limits),
        notice: table.section("notice", notice::read),
        backup: table.section("backup", backup),
        log: table.section("log", log),
    }
}

fn audit(table: &mut Table) -> Audit {
    let default = Audit::default();
    let durability = [("fsync", Durability::Fsync), ("write", Durability::Write)];
    Audit {
        durability: table.choice("durability", &durability).unwrap_or(default.durability),
        retain: table
            .number("retain", 0..=1_000_000)
            .map_or(default.retain, |kept| NonZeroU32::new(kept.try_into().expect("bounded by the range"))),
        segment_bytes: table.number("segment_bytes", (64 << 10)..=(1 << 30)).unwrap_or(default.segment_bytes),
        journald: table.flag("journald").unwrap_or(default.journald),
        checkpoint: seconds(table, "checkpoint_seconds", 1..=3600).unwrap_or(default.checkpoint),
    }
}

fn identity(table: &mut Table) -> Identity {
    let trust = table.tables("trust", |entry| {
        let trust_domain = entry.required("trust_domain", |text| text.parse().map_err(said));
        let bundle = entry.required("bundle", absolute_path);
        Some((entry.line(), Trust { trust_domain: trust_domain?, bundle: bundle? }))
    });
    let mut distinct: Vec<Trust> = Vec::new();
    for (line, entry) in trust {
        if distinct.iter().any(|earlier| earlier.trust_domain == entry.trust_domain) {
            // Two bundles for one domain: which roots count would depend on the order.
            table.note(line, "trust", "names a trust domain twice; put all its roots into one bundle");
        } else {
            distinct.push(entry);
        }
    }
    Identity { trust: distinct }
}

fn limits(table: &mut Table) -> Limits {
    let default = Limits::default();
    let mut count = |key, otherwise| {
        let number = table.number(key, 1..=1_000_000);
        number.map_or(otherwise, |number| usize::try_from(number).expect("bounded by the range"))
    };
    let handshakes = count("handshakes", default.handshakes);
    let connections = count("connections", default.connections);
    let caller_connections = count("caller_connections", default.caller_connections);
    let caller_requests = count("caller_requests", default.caller_requests);
    let large = count("large", default.large);
    let caller_large = count("caller_large", default.caller_large);
    let waiting = count("waiting", default.waiting);
    let caller_waiting = count("caller_waiting", default.caller_waiting);
    Limits {
        handshakes,
        connections,
        caller_connections,
        caller_requests,
        rate: rate(table),
        large,
        caller_large,
        waiting,
        caller_waiting,
        handshake: seconds(table, "handshake_seconds", 1..=300).unwrap_or(default.handshake),
        header: seconds(table, "header_seconds", 1..=300).unwrap_or(default.header),
        body: seconds(table, "body_seconds", 1..=3600).unwrap_or(default.body),
        idle: seconds(table, "idle_seconds", 0..=86_400)
            .map_or(default.idle, |idle| (!idle.is_zero()).then_some(idle)),
        drain: seconds(table, "drain_seconds", 0..=3600).unwrap_or(default.drain),
        concurrent_streams: table
            .number("concurrent_streams", 1..=10_000)
            .map_or(default.concurrent_streams, |number| number.try_into().expect("bounded by the range")),
    }
}

fn rate(table: &mut Table) -> Option<Rate> {
    let line = table.line_of("request_burst");
    let mut number =
        |key| table.number(key, 0..=1_000_000).map(|number| u32::try_from(number).expect("bounded"));
    let (per_second, burst) = (number("requests_per_second"), number("request_burst"));
    match (per_second.unwrap_or(0), burst.unwrap_or(0)) {
        (0, 0) => None,
        (0, _) => {
            table.note(line, "request_burst", "says nothing without limits.requests_per_second");
            None
        }
        // As many at once as in a second.
        (per_second, 0) => Some(Rate { per_second, burst: per_second }),
        (per_second, burst) => Some(Rate { per_second, burst }),
    }
}

fn backup(table: &mut Table) -> Backup {
    let default = Backup::default();
    Backup {
        directory: table.text("directory", none_or_path).unwrap_or(default.directory),
        every: table.text("every", period).unwrap_or(default.every),
        keep: table
            .number("keep", 1..=10_000)
            .map_or(default.keep, |number| usize::try_from(number).expect("bounded by the range")),
    }
}

fn log(table: &mut Table) -> Log {
    let default = Log::default();
    let format = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log {
        filter: table.text("filter", filter).unwrap_or(default.filter),
        format: table.choice("format", &format).unwrap_or(default.format),
    }
}

pub(super) fn seconds(table: &mut Table, key: &str, range: RangeInclusive<u64>) -> Option<Duration> {
    table.number(key, range).map(Duration::from_secs)
}

fn listen(text: &str) -> Result<Listen, String> {
    let listen = text.parse().map_err(said)?;
    match &listen {
        Listen::Unix(path) if path.is_relative() => {
            Err("names a relative path; write unix:/path/vault.sock".to_owned())
        }
        _ => Ok(listen),
    }
}

/// A length of time, as people write it; a day has 24 hours.
fn period(text: &str) -> Result<SignedDuration, String> {
    let rule = || "takes a length of time from 1m to 366d, such as 24h".to_owned();
    let span: Span = text.parse().map_err(|_| rule())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| rule())?;
    let bounds = SignedDuration::from_mins(1)..=SignedDuration::from_hours(366 * 24);
    if bounds.contains(&length) { Ok(length) } else { Err(rule()) }
}

/// An empty text stands for "none", so that the key can be shown with its default.
pub(super) fn none_or_path(text: &str) -> Result<Option<PathBuf>, String> {
    if text.is_empty() { Ok(None) } else { absolute_path(text).map(Some) }
}

fn filter(text: &str) -> Result<String, String> {
    let rule = |_| "is no log filter: write a level such as info, or info,fsm_vault=debug".to_owned();
    text.parse::<Targets>().map(|_| text.to_owned()).map_err(rule)
}

fn said(invalid: Invalid) -> String {
    invalid.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The file that the project ships.
    const SHIPPED: &str = include_str!("../../config/fsm-vault.toml");

    fn problems(text: &str) -> Vec<String> {
        settings(text).unwrap_err().iter().map(Problem::to_string).collect()
    }

    /// The shipped file with every key in force: `#key = …` is a key, `# Text` a comment.
    fn with_every_key() -> String {
        let line_in_force = |line: &'static str| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase()) => key,
            _ => line,
        };
        SHIPPED.lines().map(line_in_force).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_shipped_file_shows_every_key_with_its_default() {
        assert_eq!(settings(SHIPPED), Ok(Settings::default()));
        let text = with_every_key();
        assert_eq!(settings(&text), Ok(Settings::default()));

        let mut findings = Findings::new(&text);
        findings.root(DeTable::parse(&text).unwrap().into_inner(), read);
        let shown = DeTable::parse(&text).unwrap();
        for known in findings.known() {
            let mut keys = known.split('.');
            let first = shown.get_ref().get(keys.next().unwrap());
            let found = keys.try_fold(first.expect("shown").get_ref(), |table, key| {
                table.as_table().and_then(|table| table.get(key)).map(|value| value.get_ref())
            });
            assert!(found.is_some(), "{known} isn't shown");
        }
    }

    #[test]
    fn every_key_is_read() {
        let read = settings(
            r#"
            data_dir = "/srv/vault"
            listen = ["unix:/run/v.sock", "tcp:[::1]:0"]
            passphrase_file = "/run/secrets/passphrase"
            [audit]
            durability = "write"
            retain = 0
            segment_bytes = 65_536
            journald = true
            checkpoint_seconds = 3600
            [limits]
            handshakes = 11
            connections = 1
            caller_connections = 12
            caller_requests = 13
            requests_per_second = 14
            request_burst = 15
            large = 16
            caller_large = 17
            handshake_seconds = 2
            header_seconds = 3
            body_seconds = 4
            idle_seconds = 0
            drain_seconds = 0
            concurrent_streams = 5
            waiting = 6
            caller_waiting = 18
            [notice]
            ladder_days = [60, 1]
            pair_age_days = 90
            low_space_mib = 2
            critical_space_mib = 1
            command = ["/usr/local/bin/tell", "-v", "-v"]
            command_seconds = 5
            [notice.smtp]
            host = "mail.example.org"
            port = 465
            tls = "implicit"
            from = "vault@example.org"
            to = ["ops@example.org"]
            username = "vault"
            password_file = "/etc/fsm-vault/smtp"
            ca = "/etc/ssl/mail.pem"
            seconds = 7
            [backup]
            directory = "/srv/backups"
            every = "1d 12h"
            keep = 3
            [log]
            filter = "warn,fsm_vault=trace"
            format = "json"
            [[identity.trust]]
            trust_domain = "example.org"
            bundle = "/etc/spire/bundle.pem"
            "#,
        );
        let second = Duration::from_secs;
        let expected = Settings {
            data_dir: PathBuf::from("/srv/vault"),
            listen: ["unix:/run/v.sock", "tcp:[::1]:0"].map(|text| text.parse().unwrap()).to_vec(),
            passphrase_file: Some(PathBuf::from("/run/secrets/passphrase")),
            audit: Audit {
                durability: Durability::Write,
                retain: None,
                segment_bytes: 65_536,
                journald: true,
                checkpoint: second(3600),
            },
            identity: Identity {
                trust: vec![Trust {
                    trust_domain: "example.org".parse().unwrap(),
                    bundle: PathBuf::from("/etc/spire/bundle.pem"),
                }],
            },
            limits: Limits {
                handshakes: 11,
                connections: 1,
                caller_connections: 12,
                caller_requests: 13,
                rate: Some(Rate { per_second: 14, burst: 15 }),
                large: 16,
                caller_large: 17,
                handshake: second(2),
                header: second(3),
                body: second(4),
                idle: None,
                drain: second(0),
                concurrent_streams: 5,
                waiting: 6,
                caller_waiting: 18,
            },
            notice: notice::Notice {
                ladder_days: vec![60, 1],
                pair_age_days: 90,
                low_space_mib: 2,
                critical_space_mib: 1,
                command: ["/usr/local/bin/tell", "-v", "-v"].map(str::to_owned).to_vec(),
                command_timeout: second(5),
                smtp: Some(notice::Smtp {
                    host: "mail.example.org".to_owned(),
                    port: 465,
                    tls: notice::SmtpTls::Implicit,
                    from: "vault@example.org".to_owned(),
                    to: vec!["ops@example.org".to_owned()],
                    username: Some("vault".to_owned()),
                    password_file: Some(PathBuf::from("/etc/fsm-vault/smtp")),
                    ca: Some(PathBuf::from("/etc/ssl/mail.pem")),
                    timeout: second(7),
                }),
            },
            backup: Backup {
                directory: Some(PathBuf::from("/srv/backups")),
                every: SignedDuration::from_hours(36),
                keep: 3,
            },
            log: Log { filter: "warn,fsm_vault=trace".to_owned(), format: LogFormat::Json },
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn each_problem_has_its_line_its_key_and_its_rule() {
        for (text, said) in [
            ("data_dir = \"var\"", "1: data_dir: takes an absolute path, beginning with /"),
            ("data_dir = \"\"", "1: data_dir: takes an absolute path, beginning with /"),
            ("data_dir = 1", "1: data_dir: takes a text in quotes"),
            ("listen = \"unix:/a\"", "1: listen: takes a list of texts, such as [\"a\", \"b\"]"),
            ("listen = [1]", "1: listen[0]: takes a text in quotes"),
            ("listen = [\"unix:a\"]", "1: listen[0]: names a relative path; write unix:/path/vault.sock"),
            ("listen = [\"unix:/a\",\n\"unix:/a\"]", "2: listen[1]: is in the list already; leave one out"),
            ("passphrase_file = \"a\"", "1: passphrase_file: takes an absolute path, beginning with /"),
            ("audit = 1", "1: audit: takes a table: write it as [section] with its keys below"),
            ("audit.durability = \"Fsync\"", "1: audit.durability: takes \"fsync\" or \"write\""),
            ("audit.durability = true", "1: audit.durability: takes \"fsync\" or \"write\""),
            ("audit.retain = -1", "1: audit.retain: takes a whole number from 0 to 1000000"),
            ("audit.retain = 1.5", "1: audit.retain: takes a whole number from 0 to 1000000"),
            ("audit.retain = \"64\"", "1: audit.retain: takes a whole number from 0 to 1000000"),
            ("audit.retain = 1000001", "1: audit.retain: takes a whole number from 0 to 1000000"),
            (
                "audit.segment_bytes = 65535",
                "1: audit.segment_bytes: takes a whole number from 65536 to 1073741824",
            ),
            (
                "audit.segment_bytes = 1073741825",
                "1: audit.segment_bytes: takes a whole number from 65536 to 1073741824",
            ),
            ("audit.journald = \"yes\"", "1: audit.journald: takes true or false"),
            (
                "audit.checkpoint_seconds = 0",
                "1: audit.checkpoint_seconds: takes a whole number from 1 to 3600",
            ),
            (
                "identity.trust = [1]",
                "1: identity.trust[0]: takes a list of tables, such as [{ key = \"value\" }]",
            ),
            ("[[identity.trust]]\ntrust_domain = \"a\"", "1: identity.trust[0].bundle: is missing"),
            ("[[identity.trust]]\nbundle = \"/a\"", "1: identity.trust[0].trust_domain: is missing"),
            (
                "[[identity.trust]]\nbundle = \"/a\"\ntrust_domain = \"A\"",
                "3: identity.trust[0].trust_domain: is no trust domain: 1 to 255 lower-case letters, digits, `.`, `-` or `_`",
            ),
            (
                "identity.trust = [{ trust_domain = \"a\", bundle = \"/a\" },\n{ trust_domain = \"a\", bundle = \"/b\" }]",
                "2: identity.trust: names a trust domain twice; put all its roots into one bundle",
            ),
            ("limits.connections = 0", "1: limits.connections: takes a whole number from 1 to 1000000"),
            (
                "limits.connections = 99999999999999999999",
                "1: limits.connections: takes a whole number from 1 to 1000000",
            ),
            (
                "limits.request_burst = 5",
                "1: limits.request_burst: says nothing without limits.requests_per_second",
            ),
            ("limits.idle_seconds = 86401", "1: limits.idle_seconds: takes a whole number from 0 to 86400"),
            (
                "notice.ladder_days = 30",
                "1: notice.ladder_days: takes a list of whole numbers from 0 to 3650",
            ),
            (
                "notice.ladder_days = [30, -1]",
                "1: notice.ladder_days[1]: takes a whole number from 0 to 3650",
            ),
            ("notice.command = [\"tell\"]", "1: notice.command[0]: takes an absolute path, beginning with /"),
            (
                "notice.critical_space_mib = 300",
                "1: notice.critical_space_mib: is more than notice.low_space_mib; critical comes after low",
            ),
            (
                "notice.smtp = { host = \"m.example\" }",
                "1: notice.smtp.from: is missing: the address that the vault writes from",
            ),
            (
                "notice.smtp = { host = \"m.example\", from = \"a@b\\nBcc: c@d\" }",
                "1: notice.smtp.from: takes a mail address, such as vault@example.org",
            ),
            (
                "notice.smtp = { host = \"m.example\", from = \"a@b.example\", tls = \"none\" }",
                "1: notice.smtp.tls: is none, which goes to this host alone: localhost, 127.0.0.1 or ::1",
            ),
            (
                "notice.smtp = { host = \"m.example\", from = \"a@b.example\", password_file = \"/p\" }",
                "1: notice.smtp.password_file: is given without notice.smtp.username",
            ),
            (
                "notice.smtp.port = 25",
                "1: notice.smtp.host: is missing: the mail server that the other keys of this table are for",
            ),
            ("backup.directory = \"b\"", "1: backup.directory: takes an absolute path, beginning with /"),
            ("backup.every = \"1s\"", "1: backup.every: takes a length of time from 1m to 366d, such as 24h"),
            ("backup.every = 24", "1: backup.every: takes a text in quotes"),
            ("backup.every = \"24\"", "1: backup.every: takes a length of time from 1m to 366d, such as 24h"),
            ("backup.keep = 0", "1: backup.keep: takes a whole number from 1 to 10000"),
            (
                "log.filter = \"fsm_vault=loud\"",
                "1: log.filter: is no log filter: write a level such as info, or info,fsm_vault=debug",
            ),
            ("log.format = \"xml\"", "1: log.format: takes \"auto\" or \"text\" or \"json\""),
            ("[audti]\nretain = 1", "1: audti: is no known key; the nearest is `audit`"),
            ("retain = 1", "1: retain: is no known key; the nearest is `audit.retain`"),
            ("xyzzy = 1", "1: xyzzy: is no known key; config/fsm-vault.toml shows all of them"),
            ("\"a b\" = 1", "1: (an unusual key): is no known key; config/fsm-vault.toml shows all of them"),
        ] {
            assert_eq!(problems(text), [said], "{text}");
        }
    }

    #[test]
    fn all_problems_come_together() {
        let text = "\nlisten = [\"tcp:0.0.0.0:1\", \"tcp:127.0.0.1\"]\n[audit]\nretian = 1\njournald = 1\n[log]\nformat = 1";
        let found = problems(text);
        let keys: Vec<_> = found.iter().map(|line| line.split(':').nth(1).unwrap().trim()).collect();
        assert_eq!(keys, ["listen[0]", "listen[1]", "audit.journald", "log.format", "audit.retian"]);
    }

    #[test]
    fn broken_syntax_is_told_by_line() {
        for (text, line) in
            [("a = 1\na = 2", 2), ("a = \"unended", 1), ("\n[audit", 2), ("= 1", 1), ("a\n", 1)]
        {
            let found = settings(text).unwrap_err();
            assert_eq!(found[0].line, Some(line), "{text}: {found:?}");
            assert!(found[0].detail.starts_with("is no TOML: "), "{found:?}");
        }
    }

    #[test]
    fn nothing_the_file_has_is_repeated() {
        // A passphrase typed in every wrong place that there is.
        for text in [
            "passphrase_file = \"hunter2 hunter2\"",
            "data_dir = 'hunter2 hunter2'",
            "listen = [\"hunter2 hunter2\"]",
            "audit.retain = \"hunter2 hunter2\"",
            "audit.durability = \"hunter2 hunter2\"",
            "log.filter = \"hunter2=hunter2 hunter2\"",
            "identity.trust = [{ trust_domain = \"hunter2 hunter2\", bundle = \"hunter2 hunter2\" }]",
            "\"hunter2 hunter2\" = 1",
            "hunter2 hunter2",
            "passphrase_file = hunter2 hunter2",
            "passphrase_file = \"hunter2 \\hunter2",
            "[hunter2 hunter2",
        ] {
            let said = format!("{:?}", settings(text).unwrap_err());
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z_.=\"\\[\\]{}0-9 \n\\\\#',ä-]{0,80}") {
            if let Err(problems) = settings(&text) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
