//! From the global options to a connection.

use std::pin::Pin;

use super::arguments::Globals;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::{Address, Client, Connection};

/// Connects as the global options say and does the work there, on this thread.
pub fn with_daemon<T>(
    globals: &Globals,
    work: impl AsyncFnOnce(&mut Connection<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let client = client(globals)?;
    block_on(async {
        // As one of one type: else the whole of connecting is in the binary once for each command.
        let connecting: Pin<Box<dyn Future<Output = _>>> = Box::pin(client.connect());
        let mut connection = connecting.await?;
        work(&mut connection).await
    })
}

/// The identity and the address that the global options name.
pub fn client(globals: &Globals) -> Result<Client, Failure> {
    let identity = globals.identity.as_deref().ok_or_else(|| {
        Failure::usage(
            "who are you? Give --identity DIR, or set FSM_VAULT_IDENTITY, to a directory with cert.pem, key.pem and \
             ca.pem. `fsm-vault init` made the first operator's in DATA_DIR/identities/admin; an operator makes more \
             with: fsm-vault caller add",
        )
    })?;
    let address = globals.addr.clone().unwrap_or_else(Address::usual);
    Client::new(identity, address).map_err(|error| {
        let missing = !identity.join("key.pem").exists();
        let failure = Failure::from(error);
        if missing {
            failure
                .and("An identity directory holds cert.pem, key.pem and ca.pem; is --identity, or FSM_VAULT_IDENTITY, the right one?")
        } else {
            failure
        }
    })
}

/// Runs a command's asynchronous part on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Failed, format!("can't start the runtime: {error}")))?;
    let work: Pin<Box<dyn Future<Output = _>>> = Box::pin(work);
    runtime.block_on(work)
}
