# ruff: noqa
"""Connects to sockets that have a name in the machine's memory or files.

ends: ok
"""

import socket

for name in (
    f"\0canary-{host_port}",
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
):
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(name)
            print("REACHED", name)
    except OSError:
        pass
