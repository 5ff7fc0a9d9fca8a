"""Sent as source to the first process of new namespaces: builds the private root, gives up all rights, waits.

Standard library only. As process 1 it stays until the runner ends; the kernel then ends everything that is left.
argv: a JSON object (View's fields, and work, disk, inodes, uid, inner: is this a user namespace), then the command.
"""

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
MOUNT_SETATTR = 442
PDEATHSIG, DUMPABLE, BOUNDING_DROP, SECUREBITS, NO_NEW_PRIVS, AMBIENT = 1, 4, 24, 28, 38, 47
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    given = [text.encode() or None for text in (source, target, kind)]
    check(libc.mount(*given, ctypes.c_ulong(flags), data.encode() or None), f"mount {source or kind} on {target}")


def read_only(target: str) -> None:
    """With all that is mounted below it; before Linux 5.12, the top only."""
    attributes = (ctypes.c_uint64 * 4)(RDONLY | NOSUID | NODEV, 0, 0, 0)
    flags = 0x8000  # AT_RECURSIVE
    result = libc.syscall(MOUNT_SETATTR, -100, target.encode(), flags, ctypes.byref(attributes), ctypes.c_size_t(32))
    if result != 0:
        mount("", target, flags=REMOUNT | BIND | RDONLY | NOSUID | NODEV)


def place(source: str, target: str) -> None:
    """An empty folder or file to mount on."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_RDONLY, 0o644))


def build(spec: dict) -> None:
    """A tmpfs over /tmp of this namespace becomes the root, the old root hangs below it and is let go at the end."""
    mount("", "/", flags=REC | PRIVATE)
    mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "mode=755,size=1m,nr_inodes=512")
    os.mkdir("/tmp/old")
    os.mkdir("/tmp/new", 0o755)
    check(libc.syscall(PIVOT_ROOT, b"/tmp", b"/tmp/old"), "pivot_root")
    os.chdir("/")
    mount("/new", "/new", flags=BIND)
    for target, path in spec["links"]:
        os.symlink(target, "/new" + path)
    for source, path in spec["binds"]:
        place("/old" + source, "/new" + path)
        mount("/old" + source, "/new" + path, flags=BIND | REC)
        read_only("/new" + path)
    for path in spec["hidden"]:
        mount("tmpfs", "/new" + path, "tmpfs", RDONLY | NOSUID | NODEV, "mode=755,size=4k,nr_inodes=2")
    for name in spec["devices"]:
        place("/old/dev/" + name, "/new/dev/" + name)
        mount("/old/dev/" + name, "/new/dev/" + name, flags=BIND)
    os.makedirs("/new" + spec["work"], exist_ok=True)
    limits = f"mode=1777,size={spec['disk']},nr_inodes={spec['inodes']}"
    mount("tmpfs", "/new" + spec["work"], "tmpfs", NOSUID | NODEV | NOEXEC, limits)
    os.makedirs("/new/proc", exist_ok=True)
    if spec["inner"]:
        nested = "/old/proc/sys/user/max_user_namespaces"
        if os.path.exists(nested):  # of this user namespace, not of the machine
            with open(nested, "w") as file:
                file.write("0")
    with suppress(OSError):  # containers that cover parts of /proc allow no second one; Python runs without
        mount("proc", "/new/proc", "proc", RDONLY | NOSUID | NODEV | NOEXEC)
    os.chdir("/new")
    check(libc.syscall(PIVOT_ROOT, b".", b"."), "pivot_root")
    check(libc.umount2(b".", 2), "umount of the old root")  # MNT_DETACH
    os.chdir("/")
    mount("", "/", flags=REMOUNT | BIND | RDONLY | NOSUID | NODEV)


def give_up(uid: int | None) -> None:
    """No capability, no way to get one; uid: whom to become, None where the namespace has one user only."""
    for capability in range(64):
        libc.prctl(BOUNDING_DROP, capability, 0, 0, 0)  # past the last one it fails, and that is all
    libc.prctl(SECUREBITS, 0x2F, 0, 0, 0)  # no rights for being root, locked; no ambient ones
    libc.prctl(AMBIENT, 4, 0, 0, 0)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    check(libc.capset(header, none), "capset")
    check(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def main() -> None:
    spec, command = json.loads(sys.argv[1]), sys.argv[2:]
    libc.sethostname(b"sandbox", 7)
    build(spec)
    os.chdir(spec["work"])
    give_up(spec["uid"])
    child = os.fork()
    if child == 0:
        os.execv(command[0], command)
    libc.prctl(DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for descriptor in range(3, 256):
        with suppress(OSError):
            os.close(descriptor)
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


PIVOT_ROOT = {"x86_64": 155}.get(os.uname().machine, 41)  # 41 everywhere since the table became a common one
if __name__ == "__main__":
    main()
