"""Set up .venv step by step; called by the Makefile, or by hand where there is no make. Standard library only.

    python3 scripts/setup_env.py [--variant auto|cpu|gpu] [--extras test,dev] [--untried]

Every step says what it does, how long it took and, when it fails, why and what to do. Running it again is safe: a .venv
that is whole is kept, and uv installs only what is missing. The steps are in `setup_steps/`. This file alone keeps to
the syntax of any Python: one that is too old must be told so, not shown a SyntaxError.
"""

import platform
import sys


def interpreter_fault(version, implementation, bits):
    """Why this interpreter cannot run the workbook; empty if it can. version: (major, minor, ...)."""
    shown = ".".join(str(part) for part in version[:3])
    if not (3, 11) <= tuple(version[:2]) <= (3, 12):
        return "this is Python " + shown + "; the workbook needs 3.11 or 3.12"
    if implementation != "CPython":
        return "this is " + implementation + " " + shown + "; PyTorch and vLLM have wheels for CPython only"
    if bits != 64:
        return "this Python is built for " + str(bits) + " bits; PyTorch and vLLM need 64"
    return ""


def main():
    bits = 64 if sys.maxsize > 2**32 else 32
    fault = interpreter_fault(sys.version_info, platform.python_implementation(), bits)
    if fault:
        sys.stderr.write(
            "set-up stopped before its first step.\n"
            "  why: " + fault + " (" + sys.executable + ")\n"
            "  do:  install CPython 3.11 or 3.12 for 64 bits (Debian, Ubuntu: apt-get install python3 python3-venv;\n"
            "       anywhere: `pip install uv`, then `uv python install 3.12`) and name it:\n"
            "       make PYTHON=/path/to/python3.12 lab, or /path/to/python3.12 scripts/setup_env.py\n"
        )
        return 1
    from setup_steps.run import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
