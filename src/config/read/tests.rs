//! Every key, its default, and what is said of each that is wrong.

use super::*;
use proptest::prelude::*;

/// The file that the project ships.
const SHIPPED: &str = include_str!("../../../config/fsm-vault.toml");

fn problems(text: &str) -> Vec<String> {
    settings(text).unwrap_err().problems.iter().map(Problem::to_string).collect()
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
    assert_eq!(settings(&text), Ok(Settings { data_dir_is_named: true, ..Settings::default() }));

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
        [oauth]
        allowed_hosts = ["Tokens.Example", "*.idp.example", "127.0.0.1"]
        [outbound]
        extra_ca = "/etc/ssl/ours.pem"
        allow_addresses = ["10.0.0.0/8", "::1/128"]
        allow_ports = [443, 8443]
        "#,
    );
    let second = Duration::from_secs;
    let expected = Settings {
        data_dir: PathBuf::from("/srv/vault"),
        data_dir_is_named: true,
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
        oauth: outbound::OAuth {
            allowed_hosts: ["tokens.example", "*.idp.example", "127.0.0.1"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
        },
        outbound: outbound::Outbound {
            extra_ca: Some(PathBuf::from("/etc/ssl/ours.pem")),
            allow_addresses: ["10.0.0.0/8", "::1/128"].map(|text| text.parse().unwrap()).to_vec(),
            allow_ports: vec![443, 8443],
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
        ("audit.checkpoint_seconds = 0", "1: audit.checkpoint_seconds: takes a whole number from 1 to 3600"),
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
        (
            "oauth.allowed_hosts = \"a.example\"",
            "1: oauth.allowed_hosts: takes a list of texts, such as [\"a\", \"b\"]",
        ),
        (
            "oauth.allowed_hosts = [\n\"https://a.example\"]",
            "2: oauth.allowed_hosts[0]: is no domain: a host name such as system.netsuite.com, without scheme, port or path",
        ),
        (
            "oauth.allowed_hosts = [\"*.com\"]",
            "1: oauth.allowed_hosts[0]: is no domain: `*.` before a single label would match a whole top-level domain",
        ),
        (
            "oauth.allowed_hosts = [\"a.example\", \"A.example.\"]",
            "1: oauth.allowed_hosts[1]: is in the list already; leave one out",
        ),
        ("outbound.extra_ca = \"a.pem\"", "1: outbound.extra_ca: takes an absolute path, beginning with /"),
        (
            "outbound.allow_addresses = [\"10.0.0.0/33\"]",
            "1: outbound.allow_addresses[0]: is no range of IP addresses: write 10.0.0.0/8, fd00::/8, or 192.0.2.7/32 for a single one",
        ),
        (
            "outbound.allow_addresses = [\"::1\", \"::1/128\"]",
            "1: outbound.allow_addresses[1]: is in the list already; leave one out",
        ),
        (
            "outbound.allow_ports = []",
            "1: outbound.allow_ports: takes a list of whole numbers from 1 to 65535, at least one",
        ),
        (
            "outbound.allow_ports = 443",
            "1: outbound.allow_ports: takes a list of whole numbers from 1 to 65535, at least one",
        ),
        (
            "outbound.allow_ports = [443, 0]",
            "1: outbound.allow_ports[1]: takes a whole number from 1 to 65535",
        ),
        (
            "outbound.allow_ports = [65536]",
            "1: outbound.allow_ports[0]: takes a whole number from 1 to 65535",
        ),
        (
            "outbound.allow_ports = [443,\n443]",
            "2: outbound.allow_ports[1]: is in the list already; leave one out",
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
        ("notice.ladder_days = 30", "1: notice.ladder_days: takes a list of whole numbers from 0 to 3650"),
        ("notice.ladder_days = [30, -1]", "1: notice.ladder_days[1]: takes a whole number from 0 to 3650"),
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
            "notice.smtp = { host = \"m.example\", from = \"\" }",
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
        (
            "log.filter = \"warn,inof\"",
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
    for (text, line) in [("a = 1\na = 2", 2), ("a = \"unended", 1), ("\n[audit", 2), ("= 1", 1), ("a\n", 1)] {
        let found = settings(text).unwrap_err().problems;
        assert_eq!(found[0].line, Some(line), "{text}: {found:?}");
        assert!(found[0].detail.starts_with("is no TOML: "), "{found:?}");
    }
    let twice = settings("[backup]\nkeep = 1\n[backup]\n").unwrap_err().problems;
    assert_eq!((twice.len(), twice[0].line), (1, Some(3)));
    assert!(twice[0].detail.contains("below the one that is there"), "{twice:?}");
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
        "oauth.allowed_hosts = [\"hunter2 hunter2\"]",
        "outbound = { extra_ca = \"hunter2\", allow_addresses = [\"hunter2\"], allow_ports = [\"hunter2\"] }",
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
        if let Err(Wrong { problems, .. }) = settings(&text) {
            prop_assert!(!problems.is_empty());
        }
    }
}
