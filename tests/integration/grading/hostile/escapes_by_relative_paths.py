# ruff: noqa
"""Climbs out of the folder by .. and by descriptors of folders.

ends: ok
"""

import os

os.chdir("/")
inside = os.open("/", os.O_RDONLY)
for _ in range(50):
    os.chdir("..")
    os.fchdir(inside)
    os.chdir("..")
for path in ("." + canary, ".." + canary, "../../.." + project):
    if os.path.exists(path):
        print("REACHED", path)
os.chdir("/tmp")
