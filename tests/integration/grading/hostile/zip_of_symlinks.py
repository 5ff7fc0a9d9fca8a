# ruff: noqa
"""Unpacks an archive whose links point out of the folder, and reads and writes through them.

ends: ok
"""

import io, os, stat, tarfile, zipfile

archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    for number, target in enumerate(
        (canary, f"{project}/pyproject.toml", "/etc/shadow", "../../../../../../etc/passwd")
    ):
        link = tarfile.TarInfo(f"link{number}")
        link.type, link.linkname = tarfile.SYMTYPE, target
        tar.addfile(link)
archive.seek(0)
with tarfile.open(fileobj=archive) as tar:
    tar.extractall(".")
for number in range(4):
    for mode in ("r", "a"):
        try:
            with open(f"link{number}", mode) as file:
                print("REACHED", number, mode)
        except OSError:
            pass
