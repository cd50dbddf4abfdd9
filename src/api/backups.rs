//! `POST /v1/sys/backup`: a backup as it is made, piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::query::Query;
use super::reply::{BrokenOff, Next};
use super::server::Api;
use crate::crypto::Argon2Cost;
use crate::secret::Plaintext;
use crate::vault::{Asker, Backup, Session, Vault, unfit_as_new};
use crate::wire::{BackupForm, MAX_BODY};

/// A backup on its way out. It is sealed: what waits for a peer is nothing that was released.
struct Way {
    vault: Arc<Vault>,
    session: Arc<Session>,
    backup: Backup,
    request_id: String,
}

pub async fn create(
    api: &Api,
    session: &Arc<Session>,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let backup = if body::is_over(request) {
        api.vault.begin_backup(asker).await?
    } else {
        let form = body::json(request, MAX_BODY, api.patience).await?;
        let BackupForm { passphrase, own_passphrase } = form;
        let own = own_passphrase.map(checked).transpose()?;
        api.vault.begin_backup_for(asker, passphrase, own, Argon2Cost::DEFAULT).await?
    };
    let (vault, session) = (Arc::clone(&api.vault), Arc::clone(session));
    let way = Way { vault, session, backup, request_id: asker.request_id.to_owned() };
    let mut reply = answer::pieces(way.then());
    reply.body_mut().hold(asker.session.outgoing.backing_up());
    Ok(reply)
}

/// One that is guessed by hand protects nothing.
fn checked(passphrase: Plaintext) -> Result<Plaintext, Failure> {
    match unfit_as_new(&passphrase) {
        Some(why) => Err(Failure::invalid("/own_passphrase", why)),
        None => Ok(passphrase),
    }
}

impl Way {
    fn then(self) -> Next {
        Next(Box::new(|| Box::pin(self.next())))
    }

    async fn next(self) -> Result<(Bytes, Option<Next>), BrokenOff> {
        let asker = Asker { session: &self.session, request_id: &self.request_id };
        let outcome = match self.vault.still_stands(asker) {
            Ok(()) => self.vault.go_on(&self.backup).await,
            Err(lost) => Err(lost),
        };
        match outcome {
            Ok(Some(bytes)) => Ok((bytes.into(), Some(self.then()))),
            Ok(None) => Ok((Bytes::new(), None)),
            Err(error) => {
                tracing::error!(request.id = self.request_id, error = %error, "a backup was broken off");
                self.vault.backup_failed(asker, &error).await;
                Err(BrokenOff)
            }
        }
    }
}
