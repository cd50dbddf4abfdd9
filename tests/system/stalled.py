"""An HTTP/2 client that asks for the pair and takes none of it: its window is zero until it is opened.

stalled.py SOCKET IDENTITY COMMAND...: asks, runs COMMAND, opens the window; prints how many bytes of the body came.
"""
import socket
import ssl
import subprocess
import sys

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes

PATH = "/v1/integrations/fsm/credentials"


def main(where, identity, command):
    tls = ssl.create_default_context(cafile=f"{identity}/ca.pem")
    tls.load_cert_chain(f"{identity}/cert.pem", f"{identity}/key.pem")
    tls.set_alpn_protocols(["h2"])
    plain = socket.socket(socket.AF_UNIX)
    plain.settimeout(10)
    plain.connect(where)
    stream = tls.wrap_socket(plain, server_hostname="localhost")
    client = h2.connection.H2Connection(h2.config.H2Configuration())
    client.initiate_connection()
    client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    head = [(":method", "GET"), (":path", PATH), (":scheme", "https"), (":authority", "localhost")]
    client.send_headers(1, head, end_stream=True)
    stream.sendall(client.data_to_send())
    taken = 0

    def hear(until):
        nonlocal taken
        while True:
            data = stream.recv(65536)
            if not data:
                return
            for event in client.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    taken += len(event.data)
                if isinstance(event, until):
                    return
            stream.sendall(client.data_to_send())

    hear(h2.events.ResponseReceived)
    assert taken == 0, "the window was not respected"
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    try:
        client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65535})
        stream.sendall(client.data_to_send())
        hear((h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated))
    except (OSError, ssl.SSLError):
        pass
    print(taken)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
