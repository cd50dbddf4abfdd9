"""Whether the description's schema of a secret ID takes what the vectors take, and nothing else: DOCUMENT VECTORS."""

import json
import pathlib
import sys

import jsonschema_rs

document = json.loads(pathlib.Path(sys.argv[1]).read_text())
vectors = json.loads((pathlib.Path(sys.argv[2]) / "secret_ids.json").read_text())
schema = jsonschema_rs.validator_for(document["components"]["schemas"]["SecretId"])
wrong = [each for each in vectors if schema.is_valid(each["typed"]) != (each["stored"] is not None)]
for each in wrong:
    print(json.dumps(each))
sys.exit(1 if wrong or not vectors else 0)
