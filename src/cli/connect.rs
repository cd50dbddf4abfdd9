//! From the global options to a connection.

use std::path::Path;
use std::pin::Pin;

use super::arguments::Globals;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::{Address, Client, Connection};
use crate::config::{DEFAULT_FILE, Listen, Settings};

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
    let (address, named_by) = address(globals)?;
    let client = Client::new(identity, address).map(|client| client.named_by(named_by));
    client.map_err(|error| {
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

/// Where the daemon is, and who says so: flags, the environment, the file, else the place where it usually is.
fn address(globals: &Globals) -> Result<(Address, String), Failure> {
    if let Some(address) = &globals.addr {
        let named_by = if globals.addr_is_of_environment { "FSM_VAULT_ADDR" } else { "--addr" };
        return Ok((address.clone(), format!("as {named_by} says")));
    }
    let named = globals.config.as_deref();
    let listen = match Settings::load(named) {
        Ok(settings) => settings.listen,
        Err(error) if named.is_some() => return Err(Failure::usage(error)),
        // Nobody named it: it may be for others to read, and a mistake in it is no matter of this command.
        Err(error) => error.rest().map(|rest| rest.listen.clone()).unwrap_or_default(),
    };
    Ok(match reached(&listen) {
        Some(address) => {
            let file = named.unwrap_or(Path::new(DEFAULT_FILE)).display();
            (address, format!("the first of listen in {file}"))
        }
        None => (
            Address::usual(),
            "the usual place: neither --addr, FSM_VAULT_ADDR nor a configuration file names one".to_owned(),
        ),
    })
}

/// The first address of those that a client can reach, a socket before all others. Port 0 is any, and the server's certificate names
/// no loopback addresses but the usual ones.
fn reached(listen: &[Listen]) -> Option<Address> {
    let socket = listen.iter().find_map(|each| match each {
        Listen::Unix(path) => Some(Address::Unix(path.clone())),
        Listen::Tcp(_) => None,
    });
    let port = |each: &Listen| match each {
        Listen::Tcp(address) => format!("https://{address}").parse().ok(),
        Listen::Unix(_) => None,
    };
    socket.or_else(|| listen.iter().find_map(port))
}

/// Runs a command's asynchronous part on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Failed, format!("can't start the runtime: {error}")))?;
    let work: Pin<Box<dyn Future<Output = _>>> = Box::pin(work);
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_comes_first_and_what_nobody_can_dial_not_at_all() {
        for (listen, expected) in [
            (&[][..], None),
            (&["tcp:127.0.0.1:8300", "unix:/run/a.sock", "unix:/run/b.sock"], Some("unix:/run/a.sock")),
            (&["tcp:127.0.0.1:0", "tcp:127.0.0.2:1", "tcp:[::1]:8300"], Some("https://[::1]:8300")),
            (&["tcp:127.0.0.1:0"], None),
        ] {
            let listen: Vec<Listen> = listen.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(
                reached(&listen).map(|address| address.to_string()).as_deref(),
                expected,
                "{listen:?}"
            );
        }
    }
}
