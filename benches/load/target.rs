//! A server under load: where it is, how it is asked, what it is known by.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::{Http, Over};

/// The line of JSON. What a server tells of itself besides is left alone.
#[derive(Deserialize)]
struct Told {
    name: String,
    unix: Option<PathBuf>,
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    pid: Option<u32>,
    tls: Option<Files>,
}

#[derive(Deserialize)]
struct Files {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

pub struct Target {
    pub name: String,
    pub address: Address,
    pub tls: Option<Tls>,
    pub paths: Vec<String>,
    pub headers: BTreeMap<String, String>,
    pub pid: Option<u32>,
}

#[derive(Clone)]
pub enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

#[derive(Clone)]
pub struct Tls {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

impl Target {
    pub fn read(text: &str, over: Over, identity: Option<&Path>, http: Http) -> Result<Self, String> {
        let file = text.strip_prefix('@').map(std::fs::read_to_string).transpose();
        let file = file.map_err(|error| format!("{text}: {error}"))?;
        let told: Told = serde_json::from_str(file.as_deref().unwrap_or(text))
            .map_err(|error| format!("target: {error}"))?;
        let fault = |what: &str| format!("{}: {what}", told.name);
        let over = match over {
            Over::Either if told.unix.is_some() => Over::Unix,
            Over::Either => Over::Tcp,
            given => given,
        };
        let with_tls = over == Over::Unix || told.url.as_ref().is_some_and(|url| url.starts_with("https://"));
        let address = match (over, &told.unix, &told.url) {
            (Over::Unix, Some(path), _) => Address::Unix(path.clone()),
            (Over::Unix, None, _) => return Err(fault("has no Unix socket")),
            (_, _, Some(url)) => {
                let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                let host = rest.unwrap_or(url).trim_end_matches('/').replace("localhost", "127.0.0.1");
                let address: SocketAddr =
                    host.parse().map_err(|_| fault("its url names no address and port"))?;
                if !address.ip().is_loopback() {
                    return Err(fault("isn't on this host"));
                }
                Address::Tcp(address)
            }
            (_, _, None) => return Err(fault("has no url")),
        };
        let files = told.tls.or_else(|| {
            let file = |name| identity.map(|directory| directory.join(name));
            Some(Files { ca: file("ca.pem")?, cert: file("cert.pem")?, key: file("key.pem")? })
        });
        let tls = match (with_tls, files) {
            (false, _) => None,
            (true, None) => return Err(fault("takes a certificate: --identity, or tls in the target")),
            (true, Some(files)) => {
                let name = match &address {
                    Address::Unix(_) => ServerName::try_from("localhost").expect("localhost is a DNS name"),
                    Address::Tcp(address) => ServerName::from(address.ip()),
                };
                Some(Tls { config: client_config(&files, http)?, name })
            }
        };
        let paths: Vec<_> = told.path.into_iter().chain(told.paths).collect();
        if paths.is_empty() {
            return Err(format!("{}: has no path", told.name));
        }
        for path in &paths {
            let fits = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                return Err(format!("{}: {path:?} is no path", told.name));
            }
        }
        for (name, value) in &told.headers {
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                return Err(format!("{}: {name:?} is no header field", told.name));
            }
        }
        Ok(Self { name: told.name, address, tls, paths, headers: told.headers, pid: told.pid })
    }

    pub fn is_unix(&self) -> bool {
        matches!(self.address, Address::Unix(_))
    }

    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// The command line's own TLS, with files by any name: TLS 1.3, never resumed.
fn client_config(files: &Files, http: Http) -> Result<Arc<ClientConfig>, String> {
    let fault = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain = |path: &Path| {
        let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        chain.map_err(|error| fault(path, &error))
    };
    let mut roots = RootCertStore::empty();
    for root in chain(&files.ca)? {
        roots.add(root).map_err(|error| fault(&files.ca, &error))?;
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| fault(&files.key, &error))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain(&files.cert)?, key)
        .map_err(|error| fault(&files.cert, &error))?;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = match http {
        Http::One => vec![b"http/1.1".to_vec()],
        Http::Two => vec![b"h2".to_vec()],
    };
    Ok(Arc::new(config))
}
