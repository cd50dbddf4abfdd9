//! The key of a new certificate, and where the certificate goes: chosen before the daemon is asked.

use std::path::Path;

use super::arguments::Globals;
use super::caller_directory::{Made, prepare, write};
use super::columns::time;
use super::failure::Failure;
use super::{shell, value};
use crate::client::{Answer, FreshKey, printable};
use crate::wire::Enrolled;

/// Bytes of a certificate request in PEM.
const MAX_REQUEST: usize = 16 * 1024;

/// Where the caller's key is.
enum Key<'a> {
    /// Made here, for the directory.
    Ours(FreshKey, &'a Path),
    /// Made elsewhere; the certificate goes to the directory, or to standard output.
    Theirs(Option<&'a Path>),
    /// Of a foreign trust domain.
    Foreign,
}

/// A key, and the request that the daemon is to sign.
pub struct Keyed<'a> {
    key: Key<'a>,
    pub request: Option<String>,
    /// Taken away again if nothing comes of it.
    _made: Option<Made>,
}

impl<'a> Keyed<'a> {
    /// A key made here for the directory `out`, or the one of the request in `csr`; None if neither was given.
    pub fn choose(out: Option<&'a Path>, csr: Option<&Path>) -> Result<Option<Self>, Failure> {
        Ok(Some(match (out, csr) {
            (out, Some(csr)) => {
                let request = Some(request_in(csr)?);
                let made = out.map(|out| prepare(out, "cert.pem")).transpose()?;
                Self { key: Key::Theirs(out), request, _made: made }
            }
            (Some(out), None) => {
                let made = prepare(out, "key.pem")?;
                let fresh = FreshKey::generate()?;
                let request = Some(fresh.request_pem.clone());
                Self { key: Key::Ours(fresh, out), request, _made: Some(made) }
            }
            (None, None) => return Ok(None),
        }))
    }

    /// A foreign trust domain certifies it.
    pub fn elsewhere() -> Self {
        Self { key: Key::Foreign, request: None, _made: None }
    }

    /// Writes what goes to the directory, and shows the rest. `done` is what became of the caller; `again` says what to type
    /// where its certificate could not be written or shown.
    pub fn hand_over(
        &self,
        globals: &Globals,
        answer: &Answer,
        done: &str,
        again: impl Fn(&Enrolled, &str) -> String,
    ) -> Result<(), Failure> {
        let enrolled: Enrolled = answer.read()?;
        let out = match &self.key {
            Key::Ours(fresh, out) => Some((*out, Some(&fresh.key_pem))),
            Key::Theirs(out) => out.map(|out| (out, None)),
            Key::Foreign => None,
        };
        if let Some((out, key_pem)) = out {
            write(&enrolled, out, key_pem, &again)?;
        }
        let shown = globals.output.answer(answer, || self.told(&enrolled, done));
        // A certificate in a file can be read later; one that was to be printed is lost with what couldn't be.
        let is_lost = matches!(self.key, Key::Theirs(None));
        shown.map_err(|failure| if is_lost { failure.and(again(&enrolled, "shown")) } else { failure })
    }

    fn told(&self, enrolled: &Enrolled, done: &str) -> String {
        let name = printable(&enrolled.caller.name);
        let until = enrolled.caller.certificate_expires_at.map(time).unwrap_or_default();
        match &self.key {
            Key::Ours(_, out) => format!(
                "{done} {name}\nwrote its identity to {}, valid until {until}\nRenew it with: fsm-vault caller \
                 renew --identity {}\n",
                out.display(),
                shell::word(*out)
            ),
            Key::Theirs(Some(out)) => format!(
                "{done} {name}\nwrote its certificate to {0}, valid until {until}\nOnce its key is there, as key.pem, renew it \
                 with: fsm-vault caller renew --identity {1}\n",
                out.display(),
                shell::word(*out)
            ),
            // For a file: nothing but the certificate.
            Key::Theirs(None) => {
                let pem = enrolled.certificate.as_deref().unwrap_or_default();
                pem.lines().map(|line| format!("{}\n", printable(line))).collect()
            }
            Key::Foreign => format!("{done} {name} as {}\n", printable(&enrolled.caller.spiffe_id)),
        }
    }
}

fn request_in(path: &Path) -> Result<String, Failure> {
    let bytes = if value::is_stdin(path) {
        value::from_stdin("the request", MAX_REQUEST)?
    } else {
        value::from_file(path, MAX_REQUEST)?
    };
    bytes.lend(|bytes| String::from_utf8(bytes.to_vec())).map_err(|_| {
        Failure::usage(format!("{} is no request in PEM; make it with: openssl req -new", path.display()))
    })
}
