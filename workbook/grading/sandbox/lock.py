"""Sent as source: the last step before a student's code. Sets limits and a filter of system calls, runs the runner.

Standard library only. argv: a JSON object (uid, limits: name of a RLIMIT -> number, runner: what the runner is told,
protected), the sources of the runner. Without protection (no namespaces) only the limits are set.
"""

import json
import os
import struct
import sys

# name -> (x86_64, and the common table of aarch64, riscv64 and loongarch64). Calls that build namespaces and mounts,
# look into processes, load code into the kernel, or keep memory that no limit counts.
_DENIED = {
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "kcmp": (312, 272), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "syslog": (103, 116), "lookup_dcookie": (212, 18),
}  # fmt: skip
_CLONE, _CLONE3, _SOCKET = (56, 220), 435, (41, 198)
_FAMILIES = (1, 2, 10)  # unix, IPv4, IPv6
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "riscv64": (0xC00000F3, 1),
                  "loongarch64": (0xC0000102, 1)}  # fmt: skip
_NEW_NAMESPACES = 0x7E020080  # CLONE_NEW{USER,PID,NET,UTS,IPC,CGROUP,NS,TIME}
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_LOAD, _EQUAL, _GREATER, _ANY, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06


def filtered(machine: str) -> bool:
    return machine in _ARCHITECTURES


def program(machine: str) -> bytes:
    """The filter as BPF; empty for a machine whose numbers are not known."""
    if machine not in _ARCHITECTURES:
        return b""
    architecture, column = _ARCHITECTURES[machine]
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    if machine == "x86_64":  # the same calls once more under other numbers (x32)
        steps += [(_GREATER, 0, 1, 0x3FFFFFFF), (_RETURN, 0, 0, _EPERM)]
    for numbers in _DENIED.values():
        steps += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _EPERM)]
    # Of sockets, only those that the network namespace keeps in (a vsock would reach a virtual machine's host).
    families = [(_EQUAL, len(_FAMILIES) - index, 0, family) for index, family in enumerate(_FAMILIES)]
    steps += [(_EQUAL, 0, len(families) + 3, _SOCKET[column]), (_LOAD, 0, 0, 16), *families]
    steps += [(_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW)]
    # clone3 keeps its flags in memory, where a filter cannot look; the C library falls back to clone.
    steps += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ENOSYS)]
    steps += [(_EQUAL, 0, 3, _CLONE[column]), (_LOAD, 0, 0, 16), (_ANY, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _EPERM)]
    steps += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", code, yes, no, value) for code, yes, no, value in steps)


def become(uid: int) -> None:
    """That user, without any right and any way to get one back."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # out of what can ever be had again
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "rights could not be given up")


def filter_calls() -> None:
    import ctypes

    code = program(os.uname().machine)
    if not code:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    buffer = ctypes.create_string_buffer(code, len(code))
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.addressof(whole), 0, 0):
        raise OSError(ctypes.get_errno(), "the filter of system calls was refused")


def limit(limits: dict) -> None:
    import resource

    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError):
            if name != "RLIMIT_AS":  # macOS has the name and refuses every value
                raise


def main() -> None:
    spec, sources = json.loads(sys.argv[1]), sys.argv[2:]
    if spec["uid"] is not None and os.getuid() == 0:
        become(spec["uid"])
    limit(spec["limits"])
    if spec["protected"]:
        filter_calls()
    del sys.argv[1:]
    names = ("plain", "cells", "inside")
    for name, source in zip(names, sources, strict=True):
        module = sys.modules[name] = type(sys)(name)
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    main_of_inside = sys.modules["inside"].main
    for name in names:
        del sys.modules[name]  # no import of a student's finds them
    main_of_inside(spec["runner"])


if __name__ == "__main__":
    main()
