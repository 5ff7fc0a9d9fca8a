# ruff: noqa
"""rm -rf /

ends: ok | took too long
"""

import os, shutil

shutil.rmtree("/", ignore_errors=True)
for path in (canary, project):
    shutil.rmtree(path, ignore_errors=True)
    try:
        os.unlink(path)
        print("REACHED", path)
    except OSError:
        pass
