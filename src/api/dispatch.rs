//! Any call but a fetch: what is the same for all of them, and who answers which.

use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::{Method, Request};

use super::failure::Failure;
use super::reply::Reply;
use super::route::{Call, route};
use super::server::Api;
use super::{
    audit, backups, body, caller_edit, callers, editing, imports, insight, integrations, keyslots, notices,
    openapi, precondition, secrets, system, versions, watch,
};
use crate::model::Denial;
use crate::telemetry::Kind;
use crate::vault::{Asker, Session, VaultError};

impl Api {
    /// Any call but a fetch. Also tells in `kind` what is called.
    pub(super) async fn call(
        &self,
        session: &Arc<Session>,
        asker: Asker<'_>,
        request: &mut Request<Incoming>,
        kind: &mut Kind,
    ) -> Result<Reply, Failure> {
        // Taken out of the request, whose body is read elsewhere.
        let uri = request.uri().clone();
        let call = route(request.method(), uri.path())?;
        if request.method() != Method::GET {
            precondition::refuse_unheeded(request.headers(), call.takes_if_match())?;
        }
        *kind = call.kind();
        if self.vault.is_sealed() && !call.is_system() {
            return Err(VaultError::Denied(Denial::Sealed).into());
        }
        let query = uri.query();
        // Without a body nothing is read, and the entry of a denial names what was asked for.
        let empty = || call.bears_an_empty_body().filter(|_| !body::is_over(request));
        if let Some(action) = call.reads_a_body().or_else(empty)
            && !self.vault.is_sealed()
        {
            self.vault.greet(asker, action).await?;
        }
        // Nobody holds many of them in memory at a time.
        let _place = match call.reads_a_body() {
            Some(_) if body::may_be_large(request) => {
                Some(asker.session.share.carry().map_err(VaultError::Limited)?)
            }
            _ => None,
        };
        // Until the answer has a place of its own, or is small: of one caller's only a few are held that may be long.
        let _look = match (&call, call.looks()) {
            (Call::Audit | Call::Notes(_), _) => Some(session.share.read_log().await),
            // Takes it once it has waited for changes.
            (Call::Notices, _) | (_, None) => None,
            _ => Some(session.share.look().await),
        };
        let outcome = match call {
            Call::Describe => openapi::describe(self, asker, query, request).await,
            Call::Status => system::status(self, asker, query, request).await,
            Call::Metrics => system::metrics(self, asker, query, request).await,
            Call::Seal => system::seal(self, asker, query, request).await,
            Call::Unseal => system::unseal(self, asker, query, request).await,
            Call::ChangePassphrase => keyslots::change_passphrase(self, asker, query, request).await,
            Call::KeySlots => keyslots::list(self, asker, query, request).await,
            Call::AddKeySlot => keyslots::add(self, asker, query, request).await,
            Call::RemoveKeySlot(id) => keyslots::remove(self, asker, id, query, request).await,
            Call::Rekey => keyslots::rekey(self, asker, query, request).await,
            Call::Backup => backups::create(self, session, asker, query, request).await,
            Call::Secrets => secrets::list(self, asker, query, request).await,
            Call::CreateSecret => secrets::create(self, asker, query, request).await,
            Call::Secret(id) => secrets::see(self, asker, id, query, request).await,
            Call::EditSecret(id) => editing::edit(self, asker, id, query, request).await,
            Call::DeleteSecret(id) => editing::delete(self, asker, id, query, request).await,
            Call::Notes(id) => insight::notes(self, asker, id, query, request).await,
            Call::Consumers(id) => insight::consumers(self, asker, id, query, request).await,
            Call::Access(id) => insight::access(self, asker, id, query, request).await,
            Call::Import => imports::import(self, asker, query, request).await,
            // Without a body it was a fetch.
            Call::Value(_) | Call::Credentials(_) => body::refused(),
            Call::Integrations => integrations::list(self, asker, query, request).await,
            Call::CreateIntegration => integrations::create(self, asker, query, request).await,
            Call::Integration(name) => integrations::see(self, asker, name, query, request).await,
            Call::EditIntegration(name) => integrations::edit(self, asker, name, query, request).await,
            Call::DeleteIntegration(name) => integrations::delete(self, asker, name, query, request).await,
            Call::Rotate(id) => versions::rotate(self, asker, id, query, request).await,
            Call::Activate(which) => versions::activate(self, asker, which, query, request).await,
            Call::Retire(which) => versions::retire(self, asker, which, query, request).await,
            Call::RotatePair(name) => versions::rotate_pair(self, asker, name, query, request).await,
            Call::ActivatePair(which) => versions::activate_pair(self, asker, which, query, request).await,
            Call::RetirePair(which) => versions::retire_pair(self, asker, which, query, request).await,
            Call::ResetPair(name) => versions::reset(self, asker, name, query, request).await,
            Call::Callers => callers::list(self, asker, query, request).await,
            Call::Enrol => callers::enrol(self, asker, query, request).await,
            Call::Caller(name) => callers::see(self, asker, name, query, request).await,
            Call::EditCaller(name) => caller_edit::edit(self, asker, name, query, request).await,
            Call::Revoke(name) => callers::revoke(self, asker, name, query, request).await,
            Call::Certify(name) => callers::certify(self, asker, name, query, request).await,
            Call::Renew => callers::renew(self, asker, query, request).await,
            Call::Notices => notices::list(self, asker, query, request).await,
            Call::Acknowledge(id) => notices::acknowledge(self, asker, id, query, request).await,
            Call::Audit => audit::list(self, asker, query, request).await,
            Call::VerifyAudit => audit::verify(self, asker, query, request).await,
            Call::Watch => watch::watch(self, session, asker, query, request).await,
        };
        if let Err(failure) = &outcome
            && failure.is_invalid()
            && let Some((action, word, of)) = call.changes()
        {
            // Seldom, and so boxed: whoever may not do it is told that, and not how.
            Box::pin(self.vault.judge_sender(asker, action, word, of)).await?;
        }
        let reply = outcome?;
        // A change has been made, and is answered in any case.
        if !request.method().is_safe() {
            return Ok(reply);
        }
        let placed = in_a_large_place(session, reply);
        if let (Err(_), Some((action, of))) = (&placed, call.looks()) {
            // How long it is, is known only now, and its entry says that it was answered.
            self.vault.look_came_to_nothing(asker, action, of).await?;
        }
        placed
    }
}

/// A long list, say, has a place of its own until it has been taken.
fn in_a_large_place(session: &Session, mut reply: Reply) -> Result<Reply, Failure> {
    if reply.body().size_hint().lower() > body::LARGE {
        let place = session.share.carry().map_err(VaultError::Limited)?;
        reply.body_mut().hold_until_taken(|| place);
    }
    Ok(reply)
}
