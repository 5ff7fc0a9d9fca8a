# ruff: noqa
"""Goes through the links that /proc has to roots, folders and descriptors of processes.

ends: ok
"""

import os

for pid in ["self", *[name for name in os.listdir("/proc") if name.isdigit()]]:
    for link in ("root", "cwd", "exe"):
        for name in (canary, f"{project}/pyproject.toml"):
            if os.path.exists(f"/proc/{pid}/{link}{name}"):
                print("REACHED", pid, link)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{number}")
            if not target.startswith(("pipe:", "/dev/null", "/proc", "anon_inode")):
                print("REACHED", pid, target)
    except OSError:
        pass
