# ruff: noqa
"""Writes into libraries, packages, devices and wherever else others would read it.

ends: ok
"""

import os, sys

places = [
    "/",
    "/usr/lib",
    "/packages",
    "/packages/numpy",
    "/dev",
    "/proc",
    "/root",
    "/etc",
    os.path.dirname(os.__file__),
    project,
    "/var/tmp",
]
for place in places:
    try:
        os.chmod(place, 0o777)
        print("REACHED chmod", place)
    except OSError:
        pass
    try:
        with open(os.path.join(place, "hostile"), "w") as file:
            print("REACHED", place)
    except OSError:
        pass
for path in (canary, os.__file__, "/packages/numpy/__init__.py", sys.executable or "/proc/self/exe"):
    try:
        with open(path, "r+b") as file:
            print("REACHED", path)
    except OSError:
        pass
