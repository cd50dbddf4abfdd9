"""Whether exactly what is described for a kind of caller succeeded: DOCUMENT HAR service|operator [OPERATION_ID...].

The operations named last needn't have succeeded.
"""

import json
import pathlib
import re
import sys
import urllib.parse

document, har, kind, never = sys.argv[1], sys.argv[2], sys.argv[3], set(sys.argv[4:])
document = json.loads(pathlib.Path(document).read_text())
entries = json.loads(pathlib.Path(har).read_text())["log"]["entries"]

operations = []
for path, methods in document["paths"].items():
    pattern = re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)))
    operations += [(method.upper(), pattern, each) for method, each in methods.items()]

succeeded = set()
for entry in entries:
    if entry["response"]["status"] // 100 == 2:
        path = urllib.parse.urlsplit(entry["request"]["url"]).path
        succeeded.update(
            each["operationId"]
            for method, pattern, each in operations
            if method == entry["request"]["method"] and pattern.fullmatch(path)
        )

theirs = {
    each["operationId"] for _, _, each in operations if re.match(f"For: ({kind}|any caller)", each["description"])
}
for each in sorted(succeeded - theirs):
    print(f"{each} succeeded, but is not for {kind}")
for each in sorted(theirs - succeeded - never):
    print(f"{each} never succeeded: does it have an example that can be sent?")
sys.exit(0 if succeeded and succeeded <= theirs and theirs - succeeded <= never else 1)
