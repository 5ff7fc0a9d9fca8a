# ruff: noqa
"""Reads the home folder and the environment.

ends: ok
"""

import os

if "CANARY" in " ".join(os.environ) or len(os.environ) > 12:
    print("REACHED", dict(os.environ))
home = os.path.expanduser("~")
if [name for name in os.listdir(home) if "hostile" not in name]:
    print("REACHED", home, os.listdir(home))
for folder in ("/root", "/home"):
    for root, _, files in os.walk(folder):
        if any(name in files for name in (".bashrc", ".profile", ".gitconfig", "id_rsa")):
            print("REACHED", root)
