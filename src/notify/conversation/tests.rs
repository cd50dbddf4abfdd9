//! Servers that never end, are talkative, or speak before TLS.

use super::super::bounded::{BYTES, LINES};
use super::*;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio_rustls::TlsAcceptor;

/// What lies between the two, and what lettre reads at once.
const PIPE: usize = 64;
const GULP: usize = 8 * 1024;

fn route(safety: Safety) -> Route {
    let own_name = ClientId::Domain("vault.example".to_owned());
    Route { host: "localhost".to_owned(), port: 25, safety, own_name, credentials: None }
}

/// Says a line when it has heard one, to the end of what is to be said.
async fn says(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answers: &[&str]) {
    let mut stream = BufReader::new(stream);
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            stream.read_until(b'\n', &mut Vec::new()).await.unwrap();
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
}

/// Says this over and over; how many bytes were taken before the other side had enough.
async fn endless(stream: &mut (impl AsyncWrite + Unpin), words: &str) -> usize {
    let mut taken = 0;
    while let Ok(count @ 1..) = stream.write(&words.as_bytes()[taken % words.len()..]).await {
        if stream.flush().await.is_err() {
            break;
        }
        taken += count;
    }
    taken
}

fn assert_too_much(begun: Result<AsyncSmtpConnection, NotifyError>) {
    let error = begun.err().expect("it is too much");
    assert!(matches!(error, NotifyError::TooMuch) && error.is_of_the_way(), "{error}");
    assert!(error.to_string().contains("look at what answers at notice.smtp.host"), "{error}");
}

/// A certificate that is its own root, and the server with it.
fn tls_server() -> (Vec<u8>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    (made.cert.pem().into_bytes(), TlsAcceptor::from(Arc::new(config)))
}

fn pair() -> (DuplexStream, DuplexStream) {
    duplex(PIPE)
}

#[tokio::test]
async fn a_server_that_never_ends_is_left_after_a_few_lines() {
    for (tls, begun, words, most) in [
        (Tls::None, &[][..], "220-x\r\n", LINES * 7),
        (Tls::None, &[], "220-\n", LINES * 5),
        (Tls::None, &[], "2xxxxxxxx", BYTES),
        (Tls::None, &["220 hello\r\n"], "250-x\r\n", LINES * 7),
        (Tls::StartTls, &[], "220-x\r\n", LINES * 7),
        (Tls::StartTls, &[], "220 xxxxx", BYTES),
        (Tls::StartTls, &["220 hello\r\n"], "250-x\r\n", LINES * 7),
    ] {
        let (ours, mut theirs) = pair();
        let safety = Safety::of(tls, "localhost", None).unwrap();
        let lying = async {
            says(&mut theirs, begun).await;
            endless(&mut theirs, words).await
        };
        let route = route(safety);
        let (begun, taken) = tokio::join!(route.begin(ours), lying);
        assert_too_much(begun);
        assert!(taken <= most + GULP + PIPE, "{tls:?} {words:?}: {taken} bytes were taken");
    }
}

#[tokio::test]
async fn nor_is_it_heard_for_longer_under_tls() {
    for (tls, before) in [
        (Tls::Implicit, &[][..]),
        (Tls::StartTls, &["220 hello\r\n", "250-here\r\n250 STARTTLS\r\n", "220 go on\r\n"]),
    ] {
        let ((ours, mut theirs), (root, acceptor)) = (pair(), tls_server());
        let route = route(Safety::of(tls, "localhost", Some(("root".into(), root))).unwrap());
        let lying = async {
            says(&mut theirs, before).await;
            let mut theirs = acceptor.accept(theirs).await.unwrap();
            endless(&mut theirs, "250-x\r\n").await
        };
        let (begun, taken) = tokio::join!(route.begin(ours), lying);
        assert_too_much(begun);
        assert!(taken <= LINES * 7 + GULP + PIPE, "{tls:?}: {taken} bytes were taken");
    }
}

#[tokio::test]
async fn a_talkative_server_is_heard() {
    let long =
        format!("{}250 HELP\r\n", "250-X-EXTENSION with some parameters that nobody needs\r\n".repeat(100));
    let (ours, mut theirs) = pair();
    let route = route(Safety::None);
    let answers = ["220-Welcome\r\n220 to this server\r\n", &long];
    let (begun, ()) = tokio::join!(route.begin(ours), says(&mut theirs, &answers));
    assert!(begun.is_ok(), "{:?}", begun.err());
}

#[tokio::test]
async fn what_is_said_before_tls_does_not_count_under_it() {
    let begins = async |answers: &[&str]| {
        let (ours, mut theirs) = pair();
        let route = route(Safety::of(Tls::StartTls, "localhost", None).unwrap());
        // It hears what it was asked last, and goes.
        let talking = async move {
            says(&mut theirs, answers).await;
            let _ = theirs.read(&mut [0; 100]).await;
        };
        let (begun, ()) = tokio::join!(route.begin(ours), talking);
        begun.err().unwrap()
    };
    let injected = begins(&["220 hello\r\n", "250 STARTTLS\r\n", "220 go\r\n250 AUTH PLAIN\r\n"]).await;
    assert!(matches!(injected, NotifyError::SaidInBetween), "{injected}");
    let none = begins(&["220 hello\r\n", "250 here\r\n", "502 what?\u{1b}\r\n"]).await;
    assert_eq!(
        none.to_string(),
        "the mail server doesn't begin TLS, it says \"502 what?\"; look at notice.smtp.tls"
    );
}
