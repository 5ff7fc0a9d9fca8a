# ruff: noqa
"""Opens sockets that namespaces do not keep in: to a virtual machine's host, the kernel, the wire.

ends: ok
"""

import socket

for family in (16, 17, 38, 40, 44):  # netlink, packet, alg, vsock, xdp
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            print("REACHED", family)
        except OSError:
            pass
