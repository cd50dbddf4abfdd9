//! Plain paths are found, and no other spelling of them.

use super::*;

#[test]
fn a_fetch_is_found_either_way() {
    for path in [
        "/v1/secrets/_x/value",
        "/v1/integrations/fsm/credentials",
        "/v1/secrets//value",
        "/v1/secrets/../value",
        "/v1/secrets/value",
        "/v1/secrets/_x/value/",
        "/v1/secrets/_x/y/value",
        "/v1/secrets/%41/value",
        "/v1/integrations/fsm/value",
        "/v1/integrations/fsm/credentials/1/activate",
        "/v1/secrets",
    ] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let (short, long) = (fetch(&method, path), any(&method, path).ok());
            let fetches = matches!(long, Some(Call::Value(_) | Call::Credentials(_)));
            assert_eq!(short.is_some(), fetches, "{method} {path}");
            assert!(short.is_none() || short == long, "{method} {path}");
        }
    }
}

#[test]
fn plain_words_and_near_misses() {
    assert_eq!(route(&Method::GET, "/v1/secrets/_x/value").ok(), Some(Call::Value("_x")));
    assert_eq!(route(&Method::DELETE, "/v1/callers/fsm").ok(), Some(Call::Revoke("fsm")));
    assert_eq!(route(&Method::PATCH, "/v1/integrations/fsm").ok(), Some(Call::EditIntegration("fsm")));
    assert_eq!(route(&Method::DELETE, "/v1/integrations/fsm").ok(), Some(Call::DeleteIntegration("fsm")));
    for path in [
        "",
        "/",
        "/v1/",
        "/v1//secrets",
        "/v1/secrets/",
        "/v1/secrets/../callers",
        "/v1/secrets/%2e%2e/value",
        "/v1/secrets/a%2fb/value",
        "/v1/secrets/./value",
        "/v1/secrets/a;b",
        "/v1/secrets/a\\b",
        "/v1/secrets/\u{e4}",
        "v1/secrets/_x/value",
        "*",
    ] {
        assert!(matches!(route(&Method::GET, path), Err(Failure::Malformed(_))), "{path}");
    }
    for path in ["/v2/secrets", "/v1", "/v1/secrets/a/b", "/v1/sys", "/V1/secrets", "/v1/a/b/c/d/e/f/g/h/i"] {
        assert!(matches!(route(&Method::GET, path), Err(Failure::NoSuchPath)), "{path}");
    }
    for (method, path, allowed) in [
        (Method::PUT, "/v1/secrets", "GET, POST"),
        (Method::HEAD, "/v1/sys/status", "GET"),
        (Method::GET, "/v1/sys/unseal", "POST"),
        (Method::POST, "/v1/integrations/fsm", "GET, PATCH, DELETE"),
        (Method::POST, "/v1/callers/fsm", "GET, PATCH, DELETE"),
        (Method::POST, "/v1/secrets/_x/value", "GET"),
        (Method::POST, "/v1/secrets/_x", "GET, PATCH, DELETE"),
        (Method::PATCH, "/v1/secrets/_x/notes", "GET"),
        (Method::GET, "/v1/imports", "POST"),
    ] {
        assert!(matches!(route(&method, path), Err(Failure::Method(told)) if told == allowed), "{path}");
    }
}
