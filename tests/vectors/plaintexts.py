"""Plaintexts of records, written out from docs/formats.md."""

import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def compact(noun):
    return json.dumps(noun, separators=(",", ":"), ensure_ascii=False).encode()


def authority():
    key = ec.derive_private_key(int.from_bytes(bytes(range(1, 33))), ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fsm-vault local CA fsm-vault.internal")])
    begin = datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 0x4711, begin, begin + datetime.timedelta(3652))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://fsm-vault.internal")]), False)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
        .public_bytes(serialization.Encoding.DER)
    )
    pkcs8 = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return b"\1" + len(certificate).to_bytes(2) + certificate + pkcs8


AUTHORITY = authority()
MADE = {"created_at": "2026-11-22T10:00:00.123456789Z", "created_by": "admin"}
RULES = {
    "scripts": ["customscript_a", "customscript_nx_suitelet2"], "allow_all_scripts": False,
    "domains": ["*.netsuite.com", "192.0.2.1", "xn--bcher-kva.example"], "allow_all_domains": False,
    "employees": ["7", "Larry Nelson"], "available_to_suiteapp": True, "suiteapp_id": "com.example.fieldservice",
}
FSM_RULES = {
    "scripts": ["customscript_nx_suitelet2"], "allow_all_scripts": False, "domains": [], "allow_all_domains": True,
    "employees": [], "available_to_suiteapp": False, "suiteapp_id": None,
}


def version(number, state, **until):
    return {"number": number, "state": state, **until, "encoding": "utf-8", "fingerprint": "0123456789abcdef", **MADE}


SECRETS = [
    {
        "id": "custsecret_fsm_oauth2_client_id", "name": "FSM OAuth 2.0 Client ID", "description": "of an integration",
        "owners": [], "restrictions": None, "integration": "fsm", "origin": "this_account", "release": "reveal", "expires_on": None,
        "max_age_days": None, **MADE, "changed_at": "2026-11-22T10:00:00Z", "last_version": 1,
        "versions": [version(1, "current")],
    },
    {
        "id": "custsecret_a", "name": "quote \" backslash \\ slash / é 🔑", "description": "with everything", "owners": ["7", "Ö"],
        "restrictions": RULES, "integration": None, "origin": "external", "release": "use_only", "expires_on": "2027-02-28", "max_age_days": 365,
        **MADE, "changed_at": "2026-11-22T10:00:00.5Z", "last_version": 9,
        "versions": [
            version(2, "retired"), version(7, "previous", until="2026-11-22T11:00:00Z"), version(8, "current"),
            {**version(9, "pending"), "encoding": "base64"},
        ],
        "since_line": 40,
    },
]
NO_ENDPOINTS = {"authorize": None, "token": None, "revoke": None, "keys": None, "certificates": None}
INTEGRATION = {
    "name": "fsm", "description": "FSM OAuth 2.0", "note": "", "state": "enabled", "authorization_code_grant": True,
    "client_credentials_grant": False,
    "redirect_uris": ["https://1234567.extforms.netsuite.com/app/site/hosting/scriptlet.nl?script=1&url=mobile"],
    "public_client": False, "refresh_token_validity_hours": None, "maximum_token_rotation_hours": None,
    "dynamic_client_registration": False, "client_name": None, "scopes": ["restlets"], "consent_policy": "always_ask",
    "account_id": "1234567",
    "accounts": [{"account_id": "1234567_SB1", "state": "blocked", "note": "sandbox", "consent_policy": "ask_first_time"}],
    "endpoints": NO_ENDPOINTS, "application_id": "01234567-89AB-CDEF-0123-456789ABCDEF",
    "client_id_secret": "custsecret_fsm_oauth2_client_id", "client_secret_secret": "custsecret_fsm_oauth2_client_secret",
    "pair_origin": "captured", "restrictions": FSM_RULES, **MADE, "changed_at": "2026-11-22T10:00:00Z",
}
PUBLIC = {
    **INTEGRATION, "name": "app", "description": "a public client", "state": "waiting_for_approval", "public_client": True,
    "redirect_uris": ["myapp://callback"], "refresh_token_validity_hours": 720, "maximum_token_rotation_hours": 1,
    "dynamic_client_registration": True, "client_name": "App", "scopes": ["mcp"], "account_id": None, "accounts": [],
    "endpoints": {**NO_ENDPOINTS, "token": "https://sso.example:8443/token"}, "client_id_secret": "custsecret_app",
    "client_secret_secret": None, "pair_origin": "issued", "restrictions": None, "since_line": 12,
}
INTEGRATIONS = [INTEGRATION, PUBLIC]
SINCE = ("note", "public_client", "dynamic_client_registration", "accounts", "endpoints", "pair_origin")
ENROLLED = {"enrolled_at": "2026-11-22T10:00:00Z", "enrolled_by": "admin"}
CALLERS = [
    {
        "name": "fsm", "spiffe_id": "spiffe://fsm-vault.internal/caller/fsm",
        "role": {"kind": "service", "script": "customscript_nx_suitelet2", "employees": ["7"], "suiteapp": None},
        "pins": {"uid": 990, "unit": "fsm-mobile.service"}, "mail": "fsm@example.com",
        "keys": [{"spki_sha256": "a5" * 32, "serial": "4711", "not_after": "2026-11-23T10:00:00Z"}],
        "state": {"state": "active"}, **ENROLLED,
    },
    {
        "name": "admin", "spiffe_id": "spiffe://example.org/ns/Prod/admin",
        "role": {"kind": "operator", "level": "full", "employee": "admin"}, "pins": {"uid": None, "unit": None}, "mail": None,
        "keys": [], "state": {"state": "revoked", "revoked_at": "2026-11-22T12:00:00.000001Z", "revoked_by": "root"}, **ENROLLED,
    },
    {
        "name": "desk", "spiffe_id": "spiffe://fsm-vault.internal/caller/desk",
        "role": {"kind": "operator", "level": "view", "employee": "temp"}, "pins": {"uid": None, "unit": None}, "mail": None,
        "keys": [{"spki_sha256": "5a" * 32, "serial": "4712", "not_after": "2027-02-20T10:00:00Z"}],
        "state": {"state": "active"}, **ENROLLED, "employee_since": "2026-11-22T11:00:00.5Z", "since_line": 2**53,
    },
]
CHECKPOINT = {"seq": 12, "mac": "0f" * 32, "segment": 2, "offset": 3456, "oldest_segment": 1, "segments": 2}

TOMBSTONES = [
    {"id": "custsecret_a", "last_version": 9, "revision": 2**33, "suiteapp": None, "deleted_at": "2026-11-22T10:00:00Z",
     "deleted_by": "admin"},
    {"id": "custsecret_shared", "last_version": 1, "revision": 1, "suiteapp": "com.example.fieldservice",
     "deleted_at": "2026-11-22T10:00:00.25Z", "deleted_by": "admin"},
]
USES = {
    "id": "custsecret_a",
    "callers": [
        {"caller": "crm", "version": 8, "at": "2026-11-22T10:00:00.000001Z", "count": 1, "enrolled_at": "2026-11-22T08:00:00.5Z"},
        {"caller": "fsm", "version": 7, "at": "2026-11-22T09:00:00Z", "count": 2**53},
    ],
}
USES_MARK = {"seq": 12}
NOTICES = [
    {
        "id": "expiry.custsecret_a.2027-02-28", "rung": 99993, "since": "2027-01-29T00:00:07Z", "raised_at": "2027-02-21T00:00:07.5Z",
        "acknowledged": {"rung": 99986, "by": "admin", "at": "2027-02-14T09:00:00Z"}, "hook": 99993, "mail": 0,
    },
    {
        "id": "renewal.a.b-c.20261123t100000", "rung": 1, "since": "2026-11-23T06:00:00Z", "raised_at": "2026-11-23T06:00:00Z",
        "acknowledged": None, "hook": 0, "mail": 0,
    },
]
SLOTS = {
    "slots": [
        {"id": "3f9a02c7", "label": "paper in the safe", "made_at": "2026-11-22T10:00:00.25Z", "made_by": "admin"},
        {"id": "00a1b2c3", "label": None, "made_at": "2026-11-23T10:00:00Z", "made_by": "ann"},
    ],
}


def readings():
    """Kind, what is done to a well-formed plaintext, the outcome, and whether it still reads."""

    def with_(noun, path, change):
        copy = json.loads(json.dumps(noun))
        place = copy
        for step in path:
            place = place[step]
        change(place)
        return copy

    def add(place):
        place["unknown"] = 1

    def drop(member):
        return lambda place: place.pop(member)

    def put(member, value):
        return lambda place: place.update({member: value})

    secret, caller = SECRETS[1], CALLERS[0]
    for kind, noun, path, reads in (
        ("secret", secret, [], False), ("secret", secret, ["restrictions"], False), ("secret", secret, ["versions", 0], True),
        ("integration", INTEGRATION, [], False), ("integration", INTEGRATION, ["accounts", 0], False),
        ("integration", PUBLIC, ["endpoints"], False), ("caller", caller, [], False), ("caller", caller, ["role"], True),
        ("caller", CALLERS[1], ["role"], True), ("caller", caller, ["pins"], False), ("caller", caller, ["keys", 0], False),
        ("caller", caller, ["state"], True), ("caller", CALLERS[1], ["state"], True), ("checkpoint", CHECKPOINT, [], True),
        ("notice", NOTICES[0], [], False), ("notice", NOTICES[0], ["acknowledged"], False),
    ):
        yield kind, f"an unknown member at {path}", with_(noun, path, add), reads
    for kind, noun, path in (
        ("tombstone", TOMBSTONES[0], []), ("uses", USES, []), ("uses", USES, ["callers", 0]), ("uses_mark", USES_MARK, []),
        ("slots", SLOTS, []), ("slots", SLOTS, ["slots", 0]),
    ):
        yield kind, f"an unknown member at {path}", with_(noun, path, add), False
    yield "secret", "members in another order", dict(reversed(secret.items())), True
    yield "integration", "as records were before", {
        member: value for member, value in INTEGRATION.items()
        if member not in (*SINCE, "refresh_token_validity_hours", "maximum_token_rotation_hours", "client_name", "account_id")
    }, True
    for kind, noun, path, member, reads in (
        ("secret", secret, [], "restrictions", True), ("secret", secret, [], "expires_on", True),
        ("secret", secret, [], "owners", False), ("secret", secret, [], "versions", False),
        ("secret", secret, ["versions", 0], "fingerprint", False), ("secret", secret, ["versions", 1], "until", False),
        ("integration", INTEGRATION, [], "restrictions", True), ("integration", INTEGRATION, [], "scopes", False),
        ("integration", PUBLIC, [], "client_secret_secret", True), ("integration", INTEGRATION, [], "client_id_secret", False),
        *(("integration", INTEGRATION, [], member, True) for member in SINCE),
        ("integration", PUBLIC, ["endpoints"], "keys", True), ("integration", INTEGRATION, ["accounts", 0], "note", False),
        ("caller", caller, [], "mail", True), ("caller", CALLERS[2], [], "employee_since", True),
        ("caller", CALLERS[2], [], "since_line", True), ("integration", PUBLIC, [], "since_line", True), ("secret", SECRETS[1], [], "since_line", True),
        ("caller", caller, [], "pins", False), ("caller", caller, ["pins"], "uid", True),
        ("caller", caller, ["role"], "suiteapp", True), ("caller", caller, ["role"], "kind", False),
        ("checkpoint", CHECKPOINT, [], "mac", False), ("secret", secret, [], "origin", True),
        ("tombstone", TOMBSTONES[1], [], "suiteapp", True), ("tombstone", TOMBSTONES[0], [], "revision", False),
        ("uses", USES, [], "callers", False), ("uses", USES, ["callers", 0], "count", False),
        ("uses", USES, ["callers", 0], "enrolled_at", True), ("uses_mark", USES_MARK, [], "seq", False),
        ("notice", NOTICES[0], [], "acknowledged", True),
        ("notice", NOTICES[0], [], "hook", False),
        ("slots", SLOTS, [], "slots", False), ("slots", SLOTS, ["slots", 0], "label", True), ("slots", SLOTS, ["slots", 0], "made_by", False),
    ):
        yield kind, f"no {member} at {path}", with_(noun, path, drop(member)), reads
    for kind, noun, path, member, value, reads in (
        ("secret", secret, [], "id", "Custsecret_A", True), ("secret", secret, [], "id", "custsecret-a", False),
        ("secret", secret, [], "owners", None, False), ("secret", secret, [], "release", "always", False),
        ("secret", secret, [], "expires_on", "2027-02-30", False), ("secret", secret, [], "created_at", "yesterday", False),
        ("secret", secret, ["restrictions"], "allow_all_scripts", True, False),
        ("secret", secret, ["restrictions"], "scripts", [], False),
        ("secret", secret, ["restrictions"], "domains", ["*"], False),
        ("secret", secret, ["restrictions"], "employees", [], True),
        ("secret", secret, ["restrictions"], "suiteapp_id", None, False),
        ("secret", secret, ["versions", 0], "state", "lost", False), ("secret", secret, [], "origin", "moon", False),
        ("secret", secret, [], "origin", None, False), ("uses", USES, ["callers", 0], "caller", "Fsm", False),
        ("uses", USES, ["callers", 0], "enrolled_at", "never", False),
        ("uses", USES, [], "callers", [], True), ("uses_mark", USES_MARK, [], "seq", -1, False),
        ("tombstone", TOMBSTONES[0], [], "suiteapp", "no id", False),
        ("caller", CALLERS[2], [], "employee_since", None, True), ("caller", CALLERS[2], [], "employee_since", "today", False),
        ("caller", CALLERS[2], [], "since_line", -1, False), ("secret", SECRETS[1], [], "since_line", 0, False),
        ("caller", caller, [], "name", "Fsm", False), ("caller", caller, ["keys", 0], "spki_sha256", "A5" * 32, False),
        ("caller", caller, ["role"], "kind", "guest", False), ("caller", CALLERS[1], ["role"], "level", "root", False),
        ("integration", INTEGRATION, [], "state", "Enabled", False), ("integration", INTEGRATION, [], "note", None, False),
        ("integration", INTEGRATION, [], "account_id", "1234567-sb1", True),
        ("integration", INTEGRATION, [], "account_id", "1234567.sb1", False),
        ("integration", PUBLIC, [], "refresh_token_validity_hours", -1, False), ("integration", PUBLIC, [], "pair_origin", "made", False),
        ("integration", PUBLIC, ["endpoints"], "other", None, False), ("integration", PUBLIC, [], "endpoints", None, False),
        ("checkpoint", CHECKPOINT, [], "segment", 2**32, False),
        ("notice", NOTICES[0], [], "id", "expiry.custsecret_a", False), ("notice", NOTICES[0], [], "id", "other.custsecret_a.1", False),
        ("notice", NOTICES[0], [], "id", "Expiry.custsecret_a.1", False), ("notice", NOTICES[0], [], "rung", 2**32, False),
        ("notice", NOTICES[0], [], "rung", -1, False),
        ("slots", SLOTS, ["slots", 0], "id", "3F9A02C7", False), ("slots", SLOTS, ["slots", 0], "id", "3f9a02c", False),
        ("slots", SLOTS, ["slots", 0], "label", "", False), ("slots", SLOTS, ["slots", 0], "label", "a\nb", False),
    ):
        yield kind, f"{member} {json.dumps(value)} at {path}", with_(noun, path, put(member, value)), reads
