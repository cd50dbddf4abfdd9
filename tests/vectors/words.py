"""Identifiers, host names and redirect URIs, each with its verdict and its near misses beside it."""

LONG = "x" * 89
SECRET_IDS = [
    ("_fsm_oauth2_client_id", "custsecret_fsm_oauth2_client_id"),
    ("custsecret_fsm_oauth2_client_id", "custsecret_fsm_oauth2_client_id"),
    ("CustSecret_FSM", "custsecret_fsm"),
    ("CUSTSECRET_FSM", "custsecret_fsm"),
    ("_FSM", "custsecret_fsm"),
    ("a", "custsecreta"),
    ("0", "custsecret0"),
    ("secret", "custsecretsecret"),
    ("custsecretcustsecret", "custsecretcustsecret"),
    (LONG, "custsecret" + LONG),
    ("custsecret" + LONG, "custsecret" + LONG),
    (LONG + "x", None),
    ("custsecret" + LONG + "x", None),
    *((wrong, None) for wrong in (
        "", "custsecret", "CUSTSECRET", "custsecret-a", "custsecret_a-b", "a b", " a", "a ", "a\n", "\ta", "a/b", "..", ".", "a.b",
        "%2f", "a%5fb", "ä", "custsecret_\u017f", "custsecret_\u212a", "a\0", "{custsecret_a}", "a,b", "a:1", "*",
    )),
]

DOMAINS = [
    ("allowed", "system.netsuite.com", "system.netsuite.com"),
    ("allowed", "system.netsuite.com", "SYSTEM.NetSuite.com."),
    ("allowed", "System.NetSuite.COM.", "system.netsuite.com"),
    ("allowed", "system.netsuite.com", "system。netsuite。com"),
    ("allowed", "*.netsuite.com", "system.netsuite.com"),
    ("allowed", "*.app.netsuite.com", "1234567-sb1.app.netsuite.com"),
    ("allowed", "bücher.example", "xn--bcher-kva.example"),
    ("allowed", "*.bücher.example", "a.BÜCHER.example"),
    ("allowed", "localhost", "LOCALHOST"),
    ("allowed", "192.0.2.1", "192.0.2.1"),
    ("allowed", "2001:db8::1", "[2001:DB8:0::1]"),
    ("refused", "system.netsuite.com", "netsuite.com"),
    ("refused", "netsuite.com", "system.netsuite.com"),
    ("refused", "system.netsuite.com", "xsystem.netsuite.com"),
    ("refused", "system.netsuite.com", "system.netsuite.com.example"),
    ("refused", "*.netsuite.com", "netsuite.com"),
    ("refused", "*.netsuite.com", "a.b.netsuite.com"),
    ("refused", "*.netsuite.com", "evilnetsuite.com"),
    ("refused", "*.netsuite.com", "system.netsuite.com.example"),
    ("refused", "*.netsuite.com", "system.nets\u0443ite.com"),
    ("refused", "192.0.2.1", "192.0.2.10"),
    ("refused", "192.0.2.1", "::ffff:192.0.2.1"),
    ("refused", "192.0.2.1", "2001:db8::1"),
    ("refused", "localhost", "127.0.0.1"),
    *(("no_host", "*.netsuite.com", wrong) for wrong in (
        "", ".", "..", "a..netsuite.com", ".netsuite.com", "system.netsuite.com..", "https://system.netsuite.com",
        "system.netsuite.com:443", "system.netsuite.com/", "system.netsuite.com?", "user@system.netsuite.com", "a b.netsuite.com",
        "-a.netsuite.com", "a-.netsuite.com", "a_b.netsuite.com", "*.netsuite.com", "a%2enetsuite.com", "a\0.netsuite.com",
        "127.1", "0x7f000001", "0x7f.0x1", "1.2.3.4.5", "192.0.2.1.", "[::1", "x" * 64 + ".netsuite.com", "a." * 126 + "com",
    )),
    *(("no_pattern", wrong, "system.netsuite.com") for wrong in (
        "", "*", "*.", "*.com", "*.*.netsuite.com", "system.*.com", "*.192.0.2.1", "*system.netsuite.com", "sys*.netsuite.com",
        "https://system.netsuite.com", "system.netsuite.com:443", "**.netsuite.com", "*.netsuite.com/", "*.127.1",
    )),
]

EXTFORMS = "https://1234567.extforms.netsuite.com/app/site/hosting/scriptlet.nl?script=1&deploy=1&url=mobile"
REDIRECT_URIS = [
    ("allowed", EXTFORMS),
    ("allowed", "HTTPS://a.example"),
    ("allowed", "myapp://callback"),
    ("allowed", "com.example.app+1-x://x"),
    ("allowed", "myapp://user@callback:x"),
    ("allowed", "https://a.example:8443/x"),
    ("allowed", "https://[2001:db8::1]:8443/x"),
    ("allowed", "https://a.example/" + "x" * 1982),
    ("refused", "https://a.example/" + "x" * 1983),
    *(("refused", wrong) for wrong in (
        "", "http://a.example/", "HTTP://a.example", "hTTp://localhost/", "https://", "https:///x", "https://?x", "https://#x",
        "https:a.example", "https:/a.example", "a.example", "//a.example", "://a.example", "1app://x", "-app://x", "my_app://x",
        "my app://x", "https://a b", " https://a.example", "https://a.example\n", "https://ä.example", "https://a.example/\0",
        "https://:443/x", "https://@/x", "https://user@a.example/x", "https://a.example:/x", "https://a.example:0/x",
        "https://a.example:65536/x", "https://127.1/x", "https://2130706433/", "https://a_b.example/", "https://2001:db8::1/x",
    )),
]
