//! Mail through one SMTP server: to the addresses of the configuration, and to those whom a notice concerns.
//!
//! Each gets a mail of his own with all that is new for him, so that nobody learns another's address, and a hundred
//! notices are one mail. Addresses are parsed before they come near a header, and so is everything in the subject.

use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::conversation::{Route, Safety, Tls};
use super::error::NotifyError;
use crate::model::NoticeLevel;
use crate::secret::Plaintext;
use crate::vault::Delivery;

/// How long a server that has the mail is waited for, to hear it say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// A mail server, and whom it is used for.
pub struct Server {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub from: String,
    /// Who gets everything.
    pub to: Vec<String>,
    /// A user and his password.
    pub credentials: Option<(String, Plaintext)>,
    /// A PEM file's path and content; None: what the host trusts.
    pub roots: Option<(PathBuf, Vec<u8>)>,
    /// For one mail.
    pub timeout: Duration,
}

pub struct Mail {
    route: Route,
    from: Mailbox,
    to: Vec<Address>,
    timeout: Duration,
}

impl Mail {
    /// Reads the roots; connects to nothing yet.
    pub fn new(server: Server) -> Result<Self, NotifyError> {
        let Server { host, port, tls, from, to, credentials, roots, timeout } = server;
        let safety = Safety::of(tls, &host, roots)?;
        let own_name = own_name().map_or_else(ClientId::default, ClientId::Domain);
        let credentials = credentials.map(|(user, password)| {
            // lettre keeps it as a text for as long as the daemon lives.
            Credentials::new(user, password.lend(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        });
        let to = to.into_iter().map(|text| address(&text)).collect::<Result<_, _>>()?;
        let from = Mailbox::new(Some("fsm-vault".to_owned()), address(&from)?);
        Ok(Self { route: Route { host, port, safety, own_name, credentials }, from, to, timeout })
    }

    /// Whether somebody gets every notice.
    pub(super) fn reaches_somebody(&self) -> bool {
        !self.to.is_empty()
    }

    /// Who is to be told of a notice: those who get all, and those whom it concerns. An owner's address that is none
    /// is left out.
    pub(super) fn recipients(&self, delivery: &Delivery) -> Vec<Address> {
        let mut all = self.to.clone();
        for owner in &delivery.owners {
            match owner.parse::<Address>() {
                Ok(address) if !all.contains(&address) => all.push(address),
                Ok(_) => {}
                Err(_) => tracing::warn!(notice.id = %delivery.id, "an owner's mail address can't be used"),
            }
        }
        all
    }

    /// One mail to one address.
    pub(super) async fn send(
        &self,
        vault: &str,
        to: &Address,
        those: &[&Delivery],
    ) -> Result<(), NotifyError> {
        let message = self.message(vault, to, those)?;
        let sending = async {
            let mut connection = self.route.open().await?;
            let sent = connection.send(message.envelope(), &message.formatted()).await;
            sent.map_err(|error| NotifyError::of_answer(error, NotifyError::Refused))?;
            Ok(connection)
        };
        let mut connection = timeout(self.timeout, sending).await.unwrap_or(Err(NotifyError::Silent))?;
        let _ = timeout(FAREWELL, connection.abort()).await;
        Ok(())
    }

    fn message(&self, vault: &str, to: &Address, those: &[&Delivery]) -> Result<Message, NotifyError> {
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(subject(those))
            .message_id(Some(message_id(vault, to, those)))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(text(vault, those))?;
        Ok(message)
    }
}

/// The same mail sent once more has the same ID; one to another, or of something that was raised again, has not: servers drop what
/// they believe to have. A hash, as addresses may be long and are nobody else's.
fn message_id(vault: &str, to: &Address, those: &[&Delivery]) -> String {
    let mut told: Vec<_> = those.iter().map(|each| each.raising()).collect();
    told.sort_unstable();
    let mut hash = Sha256::new().chain_update(to.to_string()).chain_update("\n");
    for each in told {
        hash.update(format!("{} {} {}\n", each.id, each.rung.0, each.raised_at));
    }
    let hash: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("<{hash}@{vault}.fsm-vault.invalid>")
}

/// One line of what can't break it: levels, and the sentence of the only one.
fn subject(those: &[&Delivery]) -> String {
    let highest = those.iter().map(|each| each.level).max().unwrap_or(NoticeLevel::Info).word();
    let what = match those {
        [one] => one.message.clone(),
        many => format!("{} notices", many.len()),
    };
    let line: String = what.chars().filter(|each| !each.is_control()).take(150).collect();
    format!("[fsm-vault] {highest}: {line}")
}

fn text(vault: &str, those: &[&Delivery]) -> String {
    let mut text = String::new();
    for each in those {
        let due = each.due.map(|due| format!("  due:  {}\n", due.strftime("%Y-%m-%d %H:%M:%SZ")));
        text.push_str(&format!(
            "{}: {}\n  do:   {}\n{}  id:   {}\n\n",
            each.level.word(),
            each.message,
            each.action,
            due.unwrap_or_default(),
            each.id
        ));
    }
    text.push_str(&format!(
        "What stands: fsm-vault notices. To say that you know: fsm-vault notices acknowledge ID.\nVault {vault}.\n"
    ));
    text
}

fn address(text: &str) -> Result<Address, NotifyError> {
    text.parse().map_err(|_| NotifyError::Address(text.chars().filter(|each| !each.is_control()).collect()))
}

/// The host's name, if it is one that a server takes.
fn own_name() -> Option<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(message: &str, owners: &[&str]) -> Delivery {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Delivery {
            id: "expiry.custsecret_a.2027-06-30".parse().unwrap(),
            rung: crate::model::Rung(7),
            level: NoticeLevel::Warning,
            since: at,
            raised_at: at,
            due: Some(at),
            message: message.to_owned(),
            action: "fsm-vault secret rotate custsecret_a".to_owned(),
            owners: owners.iter().map(|each| (*each).to_owned()).collect(),
        }
    }

    fn server(tls: Tls) -> Server {
        Server {
            host: "localhost".to_owned(),
            port: 25,
            tls,
            from: "vault@example.org".to_owned(),
            to: vec!["ops@example.org".to_owned()],
            credentials: None,
            roots: None,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn nothing_in_a_notice_becomes_a_header() {
        let mail = Mail::new(server(Tls::None)).unwrap();
        let nasty = delivery("a\r\nBcc: eve@example.org\r\n\r\nbody \u{1f511}", &[]);
        let message = mail.message("v", &"ann@example.org".parse().unwrap(), &[&nasty]).unwrap();
        let formatted = String::from_utf8(message.formatted()).unwrap();
        let (head, _) = formatted.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        assert!(head.contains("@v.fsm-vault.invalid>\r\n"), "{head}");
        assert_eq!(message.envelope().to(), ["ann@example.org".parse::<Address>().unwrap()]);
    }

    #[test]
    fn no_two_mails_have_the_same_id_and_one_sent_again_has() {
        let (one, two) =
            (delivery("m", &[]), Delivery { id: "space.vault.low".parse().unwrap(), ..delivery("m", &[]) });
        let again = Delivery { raised_at: "2026-11-29T12:00:00.000000001Z".parse().unwrap(), ..one.clone() };
        let risen = Delivery { rung: crate::model::Rung(8), ..one.clone() };
        let id = |to: &str, those: &[&Delivery]| message_id("v", &to.parse().unwrap(), those);
        let (ann, bob) = ("ann@example.org", "bob@example.org");
        let all = [
            id(ann, &[&one]),
            id(bob, &[&one]),
            id(ann, &[&two]),
            id(ann, &[&one, &two]),
            id(ann, &[&again]),
            id(ann, &[&again, &two]),
            id(ann, &[&risen]),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
        let later = Delivery { message: "in 6 days".to_owned(), ..one.clone() };
        assert_eq!(id(ann, &[&two, &later]), id(ann, &[&one, &two]), "the wording and the order are no news");
        assert!(all[0].len() < 80 && all[0].starts_with('<'), "{}", all[0]);
    }

    #[test]
    fn owners_and_the_default_address_get_it_once_each() {
        let mail = Mail::new(server(Tls::None)).unwrap();
        let told = delivery("m", &["ann@example.org", "ops@example.org", "x@y\r\nRCPT TO:<z@z>", "none"]);
        let all: Vec<String> = mail.recipients(&told).iter().map(ToString::to_string).collect();
        assert_eq!(all, ["ops@example.org", "ann@example.org"]);
    }

    #[test]
    fn several_notices_are_one_mail_with_the_gravest_in_front() {
        let one = delivery("first", &[]);
        let two = Delivery { level: NoticeLevel::Critical, ..delivery("second", &[]) };
        assert_eq!(subject(&[&one]), "[fsm-vault] warning: first");
        assert_eq!(subject(&[&one, &two]), "[fsm-vault] critical: 2 notices");
        let text = text("v", &[&one, &two]);
        assert!(text.contains("warning: first\n  do:   fsm-vault secret rotate custsecret_a\n"), "{text}");
        assert!(text.contains("critical: second"), "{text}");
    }

    #[test]
    fn roots_that_are_none_are_refused() {
        for pem in [&b""[..], b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            let roots = Some((PathBuf::from("/x.pem"), pem.to_vec()));
            assert!(Mail::new(Server { roots, ..server(Tls::StartTls) }).is_err(), "{pem:?}");
        }
        let from = "a@b\r\nBcc: c@d".to_owned();
        assert!(matches!(Mail::new(Server { from, ..server(Tls::None) }), Err(NotifyError::Address(_))));
    }
}
