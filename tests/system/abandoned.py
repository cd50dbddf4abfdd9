"""Asks for changes and goes away before the answers: abandoned.py SOCKET IDENTITY COUNT"""

import json
import random
import sys
import time

from connection import Connection

where, identity, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance = random.Random(7)
for number in range(count):
    connection = Connection(where, identity)
    connection.connect()
    body = json.dumps({"id": f"_left{number}", "name": "", "description": "", "value": "x", "owners": [],
                       "restrictions": {"allow_all_scripts": True, "allow_all_domains": True}})
    connection.request("POST", "/v1/secrets", body, {"Content-Type": "application/json"})
    # A change takes some hundred microseconds: anywhere in there.
    time.sleep(chance.uniform(0, 0.003))
    connection.sock.close()
