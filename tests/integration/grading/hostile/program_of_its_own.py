# ruff: noqa
"""Writes a program into the working folder and runs it, to see more than this one does.

ends: ok | raised
"""

import os, subprocess

with open("program", "w") as file:
    file.write(f"#!/proc/self/exe\nimport os\nif os.path.exists({canary!r}): print('REACHED')\n")
os.chmod("program", 0o755)
subprocess.run(["./program"], check=True)
