# ruff: noqa
"""Attaches to its parent and to process 1, reads and writes their memory.

ends: ok
"""

import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(64)
for pid in {1, os.getppid()}:
    if libc.ptrace(16, pid, 0, 0) == 0 or libc.ptrace(0x4206, pid, 0, 0) == 0:
        print("REACHED ptrace", pid)
    for mode in ("rb", "r+b"):
        try:
            with open(f"/proc/{pid}/mem", mode):
                if mode != "rb":
                    print("REACHED memory", pid)
        except OSError:
            pass


class Span(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]


here, there = Span(ctypes.addressof(buffer), 64), Span(0x400000, 64)
if libc.process_vm_readv(1, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
    print("REACHED by process_vm_readv")
