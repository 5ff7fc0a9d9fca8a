# ruff: noqa
"""Walks the whole file system for the key and for what is writable.

ends: ok
"""

import os

for root, folders, files in os.walk("/"):
    if root.startswith("/proc"):
        folders[:] = []
        continue
    for name in files:
        if name in ("kv_per_token.py", "rank_fusion.py", os.path.basename(canary)):
            print("REACHED", root, name)
    if (
        root.startswith((os.path.dirname(os.__file__), "/usr/lib/python", "/usr/local"))
        and root.endswith("-packages")
        and folders
    ):
        print("REACHED packages", root)
    if root != "/tmp" and not root.startswith("/tmp/") and os.access(root, os.W_OK):
        print("REACHED a writable", root)
