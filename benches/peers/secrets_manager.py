"""A stand-in for AWS Secrets Manager with one secret, for the agent: secrets_manager.py VALUE_FILE PORT_FILE

Answers GetSecretValue and DescribeSecret (the agent asks no others) on a free port of the loopback device, which it
writes to PORT_FILE. Signatures aren't looked at.
"""

import http.server
import json
import os
import pathlib
import sys

VALUE = pathlib.Path(sys.argv[1]).read_text()
SECRET = {"ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:bench-000000", "Name": "bench"}
VERSION = "00000000-0000-4000-8000-000000000001"
ANSWERS = {
    "secretsmanager.GetSecretValue": SECRET | {
        "SecretString": VALUE, "VersionId": VERSION, "VersionStages": ["AWSCURRENT"], "CreatedDate": 1700000000.0},
    "secretsmanager.DescribeSecret": SECRET | {"VersionIdsToStages": {VERSION: ["AWSCURRENT"]}},
}


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = ANSWERS.get(self.headers.get("X-Amz-Target"))
        body = json.dumps(answer or {"__type": "InvalidRequestException"}).encode()
        self.send_response(200 if answer else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    # Whole or not at all: the agent is started as soon as it is there.
    written = f"{sys.argv[2]}.new"
    pathlib.Path(written).write_text(str(server.server_port))
    os.replace(written, sys.argv[2])
    server.serve_forever()


main()
