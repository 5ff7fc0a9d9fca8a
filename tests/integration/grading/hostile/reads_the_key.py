# ruff: noqa
"""Opens the key, the project and other people's files where they lie.

ends: ok
"""

import os

for path in (
    canary,
    project,
    f"{project}/exercises/q1/kv_per_token.py",
    f"{project}/exercises/solutions/q1/kv_per_token.py",
    "/etc/passwd",
    "/etc/shadow",
    "/root/.ssh",
    "/home",
    "/var",
    "/boot",
    "/sys",
    "/run",
):
    try:
        seen = os.listdir(path) if os.path.isdir(path) else open(path).read()
        if seen:
            print("REACHED", path)
    except OSError:
        pass
