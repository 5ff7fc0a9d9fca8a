# ruff: noqa
"""Looks for rights it still has or can get back: capabilities, programs that change user, system settings.

ends: ok
"""

import os

with open("/proc/self/status") as file:
    status = dict(line.strip().split(":\t", 1) for line in file if line.startswith(("Cap", "NoNew")))
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    if int(status[name], 16):
        print("REACHED", name, status[name])
if status["NoNewPrivs"] != "1":
    print("REACHED new privileges")
for path in (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sysrq-trigger",
    "/proc/sys/vm/overcommit_memory",
    "/proc/self/oom_score_adj",
    "/proc/self/uid_map",
    "/proc/sys/user/max_user_namespaces",
):
    try:
        with open(path, "w") as file:
            print("REACHED", path)
    except OSError:
        pass
