# ruff: noqa
"""Tries every way to build a view of its own: chroot, unshare, setns, mount, pivot_root.

ends: ok
"""

import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)
tried = {
    "chroot": lambda: libc.chroot(b"/tmp"),
    "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
    "remount": lambda: libc.mount(None, b"/", None, 32 | 4096, None),
    "umount": lambda: libc.umount2(b"/proc", 2),
    "setns": lambda: libc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0),
    "sethostname": lambda: libc.sethostname(b"mine", 4),
    "setuid": lambda: libc.setresuid(1, 1, 1),
    "open_by_handle_at": lambda: -1 if libc.open_by_handle_at(-100, ctypes.create_string_buffer(128), 0) < 0 else 0,
    **{
        f"unshare {flag:x}": lambda flag=flag: libc.unshare(flag)
        for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000)
    },
}
for name, act in tried.items():
    try:
        if act() == 0:
            print("REACHED", name)
    except OSError:
        pass
for flags in (0x10000000 | 17, 0x20000 | 17):  # clone with a new namespace, past the C library
    if libc.syscall(56 if os.uname().machine == "x86_64" else 220, flags, 0, 0, 0, 0) >= 0:
        print("REACHED clone")
