# ruff: noqa
"""Makes empty files without end.

ends: raised | ended the process
"""

number = 0
while True:
    open(f"f{number}", "w").close()
    number += 1
