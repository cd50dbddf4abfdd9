"""A client that asks once and keeps its connection open until COMMAND is done, whose exit code it ends with.

kept_open.py 1|2 SOCKET IDENTITY PATH BODY ACCEPT COMMAND...     over HTTP/1.1 or HTTP/2; BODY is a file to be posted, ACCEPT a media
                                                                 type, - : none
Ends with 70 if there is no answer with 200.
"""
import subprocess
import sys

import h2.events

from connection import Connection
from stalled import Stalled


def ask_http1(where, identity, path, body, accept):
    connection = Connection(where, identity)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request("GET" if body is None else "POST", path, body, headers | accept)
    answer = connection.getresponse()
    answer.read()
    # The socket, for http.client lets go of a connection that the daemon will end.
    return answer.status, (connection, answer)


def ask_http2(where, identity, path, body, accept):
    connection = Stalled(where, identity)
    client = connection.client
    head = [(":method", "GET" if body is None else "POST"), (":path", path), (":scheme", "https"),
            (":authority", "localhost"), *accept.items()]
    stream = client.get_next_available_stream_id()
    if body is None:
        client.send_headers(stream, head, end_stream=True)
    else:
        client.send_headers(stream, [*head, ("content-type", "application/json")])
        client.send_data(stream, body, end_stream=True)
    connection.send()
    status = None
    while True:
        for event in client.receive_data(connection.stream.recv(65536)):
            if isinstance(event, h2.events.ResponseReceived):
                status = int(dict(event.headers)[b":status"])
            if isinstance(event, h2.events.StreamEnded):
                connection.send()
                return status, connection
        connection.send()


def main():
    http, where, identity, path, body, accept, *command = sys.argv[1:]
    if body != "-":
        with open(body, "rb") as file:
            body = file.read()
    ask = {"1": ask_http1, "2": ask_http2}[http]
    status, kept = ask(where, identity, path, None if body == "-" else body, {} if accept == "-" else {"accept": accept})
    code = subprocess.run(command).returncode if status == 200 else 70
    del kept
    sys.exit(code)


main()
