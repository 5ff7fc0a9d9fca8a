# ruff: noqa
"""Asks for the address of a name, and sends the answer cell with the question.

ends: raised
says: gaierror
"""

import socket

print("REACHED", socket.getaddrinfo("example.org", 80))
