//! Where it listens, and where its client goes.

use super::*;

#[test]
fn the_constants_are_names() {
    assert!(TrustDomain::DEFAULT.parse::<TrustDomain>().is_ok());
    assert!(USUAL_OPERATOR.parse::<crate::model::CallerName>().is_ok());
}

#[test]
fn a_port_in_use_is_stepped_around() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let usual = || Listen::Tcp(taken.local_addr().unwrap());
    let settings = Settings { data_dir: "/d".into(), ..Settings::default() };
    let mut steps = Steps { form: Form::Json, lines: Vec::new() };
    let listen = listeners(&settings, usual(), &mut steps).unwrap();
    assert_eq!(spelled(&listen), ["unix:/d/run/vault.sock", "tcp:127.0.0.1:0"]);
    assert!(steps.lines[0].contains("in use"));
    let settings = Settings { data_dir: format!("/{}", "x".repeat(100)).into(), ..settings };
    assert_eq!(spelled(&listeners(&settings, usual(), &mut steps).unwrap()), ["tcp:127.0.0.1:0"]);
    let free: Listen = "tcp:127.0.0.1:0".parse().unwrap();
    assert_eq!(listeners(&settings, free.clone(), &mut steps).unwrap(), [free]);
}

#[test]
fn the_client_goes_where_the_daemon_is() {
    for (listen, address) in [
        ("unix:/d/run/vault.sock", Some("unix:/d/run/vault.sock")),
        ("tcp:127.0.0.1:8271", Some("https://127.0.0.1:8271")),
    ] {
        let reached = reached(&[listen.parse().unwrap()]).ok().map(|address| address.to_string());
        assert_eq!(reached.as_deref(), address);
    }
    assert!(reached(&[]).is_err());
}
