# ruff: noqa
"""Connects to machines outside, by address.

ends: ok
"""

import socket

for address in ("1.1.1.1", "8.8.8.8", "169.254.169.254", "10.0.0.1", "192.168.0.1"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(socket.AF_INET, kind) as one:
                one.settimeout(1)
                one.connect((address, 53))
                one.send(b"answer?")
                print("REACHED", address)
        except OSError:
            pass
