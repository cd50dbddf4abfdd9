"""Makes fuzz/seeds anew, from tests/vectors and what stands here: python3 fuzz/seeds.py

A seed is where a target begins: small, and of each kind that its grammar has.
"""

import json
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEEDS = ROOT / "fuzz" / "seeds"
VALUE = "Swordfish48151623"


def vectors(name):
    return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())


def bodies():
    restrictions = {"scripts": ["customscript_nx_suitelet2"], "domains": ["*.netsuite.com"], "employees": ["7"]}
    suiteapp = {"allow_all_scripts": True, "allow_all_domains": True, "available_to_suiteapp": True, "suiteapp_id": "com.a.b"}
    secret = {"id": "_crm", "name": "CRM", "value": VALUE, "expires_on": "2027-06-30", "restrictions": restrictions}
    record = {
        "name": "crm", "authorization_code_grant": True, "scopes": ["restlets"], "account_id": "1234567_SB1",
        "redirect_uris": ["https://crm.example.com/callback", "myapp://callback"], "restrictions": restrictions,
        "accounts": [{"account_id": "7654321", "state": "blocked", "note": "n", "consent_policy": "never_ask"}],
        "endpoints": {"token": "https://1.suitetalk.api.netsuite.com/t"}, "owners": ["7"], "max_age_days": 90,
        "credentials": {"client_id": VALUE, "client_secret": VALUE},
    }
    public = {"public_client": True, "authorization_code_grant": True, "client_name": "x", "scopes": ["mcp"],
              "dynamic_client_registration": True, "redirect_uris": ["https://localhost:1/x"], "consent_policy": "ask_first_time"}
    service = {"script": "customscript_a", "employees": ["7"], "suiteapp": "com.a.b"}
    view = {"name": "fsm", "spiffe_id": "spiffe://a/caller/fsm", "service": service, "pins": {"uid": 1, "unit": None},
            "state": "active", "enrolled_at": "2026-11-22T10:00:00Z", "enrolled_by": "admin"}
    yield from (("a", restrictions), ("a", suiteapp), ("b", record), ("b", public), ("b", {"template": "fsm"}), ("c", secret))
    yield from (("d", {"name": "New", "expires_on": None, "owners": ["7"]}), ("e", {"secrets": [secret]}))
    yield from (("f", {"value_base64": "AAEC", "grace": "0s", "activate": False, "note": "n"}), ("g", {"issue": True}))
    yield from (("g", {"client_id": VALUE, "client_secret": VALUE}), ("h", {"grace": "1h"}))
    yield from (("i", {"name": "fsm", "service": service, "uid": 7, "unit": "a.service", "mail": "a@b.example", "valid": "24h"}),
                ("i", {"name": "ann", "operator": {"level": "edit", "employee": "7"}, "spiffe_id": "spiffe://a/b"}))
    yield from (("j", {"service": {"script": "customscript_b", "employees": []}, "mail": None}), ("k", {"csr": "x", "valid": "1h"}))
    yield from (("l", {"passphrase": VALUE}), ("m", {"passphrase": VALUE, "new_passphrase": VALUE}))
    yield "n", {"passphrase": VALUE, "new_passphrase": VALUE, "label": "night shift"}
    yield from (("w", {"passphrase": VALUE, "accept_rollback": True}), ("y", {"passphrase": VALUE, "own_passphrase": VALUE}))
    yield "x", {"passphrase": VALUE, "keep_passphrases": [VALUE], "drop_others": True}
    yield "o", {"type": "about:blank", "title": "t", "status": 403, "detail": "d", "code": "access_denied", "request_id": "1"}
    yield from (("q", view), ("t", {"sealed": False, "version": "0.1.0", "time": "2026-11-22T10:00:00Z", "audit": None,
                                    "server_certificate_expires_at": "2027-11-22T10:00:00Z"}))
    yield "u", {"intact": False, "entries": 1, "segments": 1, "first_bad": {"segment": 1, "line": 2, "seq": 3, "what": "w"}}


def nouns():
    kinds = {"secret": "s", "integration": "i", "caller": "c", "tombstone": "t", "uses": "u", "uses_mark": "m", "notice": "n",
             "checkpoint": "k", "slots": "l"}
    for record in vectors("records")["records"]:
        kind = record.get("kind")
        if record["verdict"] == "opens" and kind in kinds:
            yield kinds[kind].encode() + bytes.fromhex(record["plaintext"])
        elif record["verdict"] == "opens" and kind == "authority":
            yield b"a" + bytes.fromhex(record["plaintext"])


def certificates():
    for record in vectors("records")["records"]:
        if record["verdict"] == "opens" and record.get("kind") == "authority":
            whole = bytes.fromhex(record["plaintext"])
            return whole[3 : 3 + int.from_bytes(whole[1:3], "big")]
    raise SystemExit("the vectors have no CA")


def armour(der):
    import base64

    text = base64.b64encode(der).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def lines():
    for log in vectors("audit")["logs"][:3]:
        for file in log["files"].values():
            yield from (line.encode() for line in (file or [])[:3])


def seeds():
    yield "record", [b"abcdefgh\2\1\0\1\0\7\1" + b"message", b"zzzzzzzz\5\3\xff\xff\x01\x00\x80", b""]
    lengths = b"\0\1a\1\0" + bytes(range(32)) + b"\xff\xff" + b"x" * 32 + b"\x20\0" + b"y" * 32 + b"\1\0"
    yield "backup", [lengths, lengths + b"\0\0\x40\0\0\1", lengths + b"\3\0\x20\0\x10", lengths + b"\7\0\x20\0\x20", b"FSMB\1" + bytes(60)]
    yield "header", [bytes.fromhex(each["header"]) for each in vectors("header")["headers"]]
    yield "store_entry", [b"\x00\x10abc", b"\x10\x00abc", b"\x20\x01x\0\0\0\1\0\0", b"\x4e\x20y\2\0\1\0\x09"]
    yield "noun", list(nouns())
    yield "audit_line", [*lines(), b"\0\0request\ncaller\nserial\n\0\7secret.read\nid\nfsm\nsubject\n\0\1a.example\n7\n\0why\nff\n{\"a\":[1]}\n\0\1"]
    yield "audit_log", [b"\1\2\2\1\0\0\0\0\0\0\1", b"\2\3\1\2\4\1\0\1\0\2", b"\0\1\3\0\0\x50\0\0", b"\1\2\2\1\3\1\1\0\0\0"]
    example = (ROOT / "config" / "fsm-vault.toml").read_text()
    uncommented = "\n".join(line.removeprefix("#") if "=" in line else line for line in example.splitlines())
    keys = "\n".join(line.removeprefix("#") for line in example.splitlines() if re.match(r"#?[a-z_]+ = |\[", line))
    yield "config", [example.encode()[:4000], uncommented.encode()[:4000], keys.encode(), b"listen = [\"unix:/a\", \"tcp:[::1]:0\"]\n[audit]\nretain = 0",
                     b"[[identity.trust]]\ntrust_domain = \"a\"\nbundle = \"/a\"", f"passphrase_file = {VALUE}".encode(),
                     b"notice.smtp = { host = \"m.example\", from = \"a@b.example\" }\nlimits = { waiting = 1 }",
                     b"[oauth]\nallowed_hosts = [\"a.example\", \"*.b.example\"]\n[outbound]\nextra_ca = \"/a\"\nallow_ports = [443, 8443]\n"
                     b"allow_addresses = [\"10.0.0.0/8\", \"::1/128\", \"192.0.2.7\"]"]
    words = [each["typed"] for each in vectors("secret_ids")]
    words += ["customscript_nx_suitelet2", "spiffe://a/caller/fsm", "com.example.app", "1234567-sb1", "a.service", "previous", "7", "0040",
              "expiry.custsecret_crm.2027-06-30", "Larry Nelson", "ab" * 32]
    yield "word", [word.encode() for word in words]
    yield "domain", [f"{each['pattern']}\n{each['host']}".encode() for each in vectors("domains")]
    ca = certificates()
    yield "certificate", [b"d" + ca, b"p" + armour(ca).encode(), b"p" + armour(ca).encode() * 2, b"b", b"b\0\x40\2\1", b"b\1\x00\0\x08",
                          b"r-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"]
    uris = [b"z" + each["uri"].encode() for each in vectors("redirect_uris")]
    yield "request_body", [kind.encode() + json.dumps(body).encode() for kind, body in bodies()] + [b"vidsecret\"\\\n", *uris]
    paths = ["/v1/secrets/_x/value", "/v1/integrations/fsm/credentials", "/v1/secrets/_x/versions/1/activate", "/v1/sys/status",
             "/v1/callers/../secrets", "/v1/secrets/%41", "//v1"]
    yield "query", [*(b"/\0" + path.encode() for path in paths), b"?domain=a.example&employee=Larry%20N&version=2",
                    b"?limit=10&cursor=custsecret_x&wait=30s", f"?domian={VALUE}&limit=1&limit=2".encode(), b"=\"1\", W/\"2\" , \"3\"", b"=*",
                    b"/\0v1/secrets/_x/value"]
    yield "cursor", [b"w\x05\x02" + b"0123456789abcdef", b"w\3\2", b"ln2-1840", b"lo2-1840-3-99", b"xsome text\nmore",
                     b"e\0\7event: open\nid: 01\ndata: {}\n\n:\n\nevent: end\ndata:x\n\n"]


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    for target, all_of_it in seeds():
        folder = SEEDS / target
        folder.mkdir(parents=True)
        for number, seed in enumerate(dict.fromkeys(all_of_it)):
            (folder / f"{number:02}").write_bytes(seed[:8192])


if __name__ == "__main__":
    main()
