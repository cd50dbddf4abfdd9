//! Listeners: loopback TCP, and a Unix socket that neither pushes a live daemon aside nor trips over a dead one.

use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use super::error::DaemonError;
use crate::config::Listen;
use crate::systemd::Activated;

/// The socket is for the group; who in it is served, the certificate decides.
const SOCKET_MODE: u32 = 0o660;
const PARENT_MODE: u32 = 0o750;

/// One listener, bound.
pub enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// All listeners, where they really are, and the socket files to remove at the end.
pub struct Bound {
    pub listeners: Vec<Listener>,
    pub addresses: Vec<Listen>,
    pub sockets: Vec<SocketFile>,
}

/// A socket file that this process made; removed on drop unless another has taken its place.
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

/// Binds every address, or takes what systemd handed over.
pub async fn bind(listen: &[Listen], activated: Option<Activated>) -> Result<Bound, DaemonError> {
    let mut bound = Bound { listeners: Vec::new(), addresses: Vec::new(), sockets: Vec::new() };
    if let Some(activated) = activated {
        take(activated, &mut bound)
            .map_err(|source| DaemonError::System { doing: "use systemd's sockets", source })?;
        return Ok(bound);
    }
    for address in listen {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => DaemonError::InUse(address.clone()),
            io::ErrorKind::InvalidInput => DaemonError::NotASocket(address.clone()),
            _ => DaemonError::Bind { listen: address.clone(), source },
        };
        match address {
            Listen::Unix(path) => {
                let (listener, file) = bind_unix(path).await.map_err(failed)?;
                bound.listeners.push(Listener::Unix(listener));
                bound.sockets.push(file);
                bound.addresses.push(address.clone());
            }
            Listen::Tcp(socket) => {
                let listener = TcpListener::bind(socket).await.map_err(failed)?;
                bound.addresses.push(Listen::Tcp(listener.local_addr().map_err(failed)?));
                bound.listeners.push(Listener::Tcp(listener));
            }
        }
    }
    Ok(bound)
}

fn take(activated: Activated, bound: &mut Bound) -> io::Result<()> {
    for listener in activated.unix {
        let address = listener.local_addr()?;
        let path = address.as_pathname().ok_or_else(|| io::Error::other("a Unix socket without a path"))?;
        bound.addresses.push(Listen::Unix(path.to_owned()));
        bound.listeners.push(Listener::Unix(UnixListener::from_std(listener)?));
    }
    for listener in activated.tcp {
        bound.addresses.push(Listen::Tcp(listener.local_addr()?));
        bound.listeners.push(Listener::Tcp(TcpListener::from_std(listener)?));
    }
    Ok(())
}

/// `AddrInUse` if somebody listens there, `InvalidInput` if a file that is no socket is in the way.
async fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.exists()) {
        make(parent)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(io::ErrorKind::InvalidInput.into()),
        Ok(_) => match tokio::net::UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            // Full backlog, no permission, an answer: somebody is there.
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // The process's umask is 077: until its mode is set, the socket is the owner's alone.
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    let inode = std::fs::symlink_metadata(path)?.ino();
    Ok((listener, SocketFile { path: path.to_owned(), inode }))
}

/// Makes a directory and those above it that are missing, each for the group to go through.
fn make(directory: &Path) -> io::Result<()> {
    let is_missing = |each: &&Path| !each.as_os_str().is_empty() && !each.exists();
    let missing: Vec<_> = directory.ancestors().take_while(is_missing).collect();
    for each in missing.into_iter().rev() {
        match std::fs::DirBuilder::new().mode(PARENT_MODE).create(each) {
            // The process's umask took the group's bits away.
            Ok(()) => std::fs::set_permissions(each, std::fs::Permissions::from_mode(PARENT_MODE))?,
            // Another's, or by `..` one that was there: it keeps its mode.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && each.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            // Left behind, it is stale and the next start replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stale_is_replaced_and_live_is_respected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/vault.sock");
        let address = Listen::Unix(path.clone());

        let first = bind(std::slice::from_ref(&address), None).await.unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), SOCKET_MODE);
        assert_eq!(mode(&directory.path().join("run")), PARENT_MODE);
        assert!(matches!(bind(std::slice::from_ref(&address), None).await, Err(DaemonError::InUse(_))));
        drop(first);
        assert!(!path.exists());

        // A dead daemon's socket: bound, never removed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(bind(std::slice::from_ref(&address), None).await.unwrap());

        std::fs::write(&path, "").unwrap();
        assert!(matches!(bind(std::slice::from_ref(&address), None).await, Err(DaemonError::NotASocket(_))));
        assert!(path.exists());
    }

    #[test]
    fn the_group_goes_through_each_directory_that_was_made_and_no_other_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let (own, below) = (directory.path(), |path: &str| directory.path().join(path));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        std::fs::set_permissions(own, std::fs::Permissions::from_mode(0o711)).unwrap();
        // As the daemon has it.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let made = make(&below("a/b/c")).and_then(|()| make(&below("d/../e")));
        rustix::process::umask(before);
        made.unwrap();
        for each in ["a", "a/b", "a/b/c", "d", "e"] {
            assert_eq!(mode(&below(each)), PARENT_MODE, "{each}");
        }
        assert_eq!(mode(own), 0o711);
        std::fs::write(below("f"), "").unwrap();
        assert!(make(&below("f/g")).is_err());
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = bind(&["tcp:127.0.0.1:0".parse().unwrap()], None).await.unwrap();
        let Err(error) = bind(&first.addresses, None).await else { panic!("bound twice") };
        assert!(error.to_string().contains("127.0.0.1:"), "{error}");
        assert_eq!(error.exit_code(), 6);
    }
}
