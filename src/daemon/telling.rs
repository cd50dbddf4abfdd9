//! From the configuration's `notice` to the rules that notices are judged by, and to the ways that they are told.

use std::path::PathBuf;

use super::named::{By, Unusable, bundle, kept};
use crate::config::{Notice, Smtp, SmtpTls};
use crate::identity::read_private;
use crate::notify::{Hook, Mail, NotifyError, Server, Tls, Ways};
use crate::secret::Plaintext;
use crate::systemd;
use crate::vault::{Ladder, NoticeRules};

const LONGEST_PASSWORD: usize = 1024;

/// What stands when, as the configuration has it.
pub fn rules(notice: &Notice) -> NoticeRules {
    NoticeRules {
        ladder: Ladder::new(notice.ladder_days.iter().copied()),
        pair_age_days: notice.pair_age_days,
        low_bytes: notice.low_space_mib << 20,
        critical_bytes: notice.critical_space_mib << 20,
    }
}

/// The hook program and the mail server, if there are any. What of them can't work goes to `wrong`, all of it.
pub(super) fn ways(notice: &Notice, wrong: &mut Vec<Unusable>) -> Ways {
    let hook = notice.command.split_first().and_then(|(program, arguments)| {
        let hook = Hook::new(PathBuf::from(program), arguments.to_vec(), notice.command_timeout);
        kept(hook.map_err(|error| Unusable::of_notify("notice.command", &error)), wrong)
    });
    let mail = notice.smtp.as_ref().and_then(|smtp| mail(smtp, wrong));
    Ways { hook, mail }
}

fn mail(smtp: &Smtp, wrong: &mut Vec<Unusable>) -> Option<Mail> {
    const ROOTS: &str = "notice.smtp.ca";
    let roots = smtp.ca.as_deref().map(|path| kept(bundle(ROOTS, path), wrong));
    let credentials = smtp.username.as_ref().map(|user| Some((user.clone(), kept(password(smtp), wrong)?)));
    // Both were looked at before either is missed.
    let (roots, credentials) = (absent_or(roots)?, absent_or(credentials)?);
    let server = Server {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            SmtpTls::Implicit => Tls::Implicit,
            SmtpTls::StartTls => Tls::StartTls,
            SmtpTls::None => Tls::None,
        },
        from: smtp.from.clone(),
        to: smtp.to.clone(),
        credentials,
        roots,
        timeout: smtp.timeout,
    };
    let of = |error| {
        let key = if matches!(error, NotifyError::NoRoots { .. }) { ROOTS } else { "notice.smtp" };
        Unusable::of_notify(key, &error)
    };
    kept(Mail::new(server).map_err(of), wrong)
}

/// None if it is asked for and wasn't read.
fn absent_or<T>(asked: Option<Option<T>>) -> Option<Option<T>> {
    match asked {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// The configured file, which must be private, or systemd's credential, whose directory systemd guards. One line end
/// is taken off.
fn password(smtp: &Smtp) -> Result<Plaintext, Unusable> {
    const KEY: &str = "notice.smtp.password_file";
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
    let read = match (&smtp.password_file, systemd::smtp_password_file(directory.as_deref())) {
        (Some(file), _) => {
            read_private(file, LONGEST_PASSWORD).map_err(|error| Unusable::of_file(KEY, &error))?
        }
        (None, Some(credential)) => {
            let failed = |error| Unusable::of_read(KEY, &credential, &error);
            Plaintext::new(std::fs::read(&credential).map_err(failed)?)
        }
        (None, None) => {
            let detail =
                "is missing: notice.smtp.username is set, and systemd hands over no credential smtp_password";
            return Err(Unusable { key: KEY, detail: detail.to_owned(), by: By::Others });
        }
    };
    let mut bytes = read.reveal_into_vec();
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    Ok(bytes.into())
}
