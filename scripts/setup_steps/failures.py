"""Why a step failed and what to do: what pip, uv and venv print, put into words."""

from __future__ import annotations

import re

# What pip, uv or venv prints -> why, what to do. The first that matches counts: a full disk makes other errors too.
KNOWN = [
    (r"No space left on device|os error 28\b|Errno 28\b|Disk quota exceeded|os error 122\b",
     "the disk is full",
     "free some space (`.venv/bin/uv cache clean` drops old packages), or put uv's cache on another disk: "
     "UV_CACHE_DIR=/folder; then the same command goes on"),
    (r"Read-only file system|Permission denied|os error (13|30)\b|Errno (13|30)\b",
     "a file or folder cannot be written",
     "run as the owner of this folder and of its .venv, or clone anew into a folder of yours"),
    (r"ensurepip",
     "this Python has no ensurepip, which makes a virtual environment's pip",
     "on Debian and Ubuntu: apt-get install python{version}-venv; else install a whole Python and name it: "
     "make PYTHON=/path/to/python3.12 ..."),
    (r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer|self[- ]signed certificate",
     "the certificate of the package index is not trusted: a proxy on the way may sign anew",
     "name the certificates of your company: PIP_CERT=/path/ca.pem SSL_CERT_FILE=/path/ca.pem, or UV_SYSTEM_CERTS=1 "
     "if this system knows them; a wrong clock does the same"),
    (r"ProxyError|Tunnel connection failed|tunnel error|unsuccessful tunnel|Cannot connect to proxy|proxy connect",
     "the proxy does not let us through",
     "mend or unset HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"),
    (r"Temporary failure in name resolution|Name or service not known|failed to lookup address|dns error|"
     r"No address associated with hostname",
     "the package index's name cannot be looked up: no network, or no DNS",
     "go online, or name a mirror: PIP_INDEX_URL=ADDRESS; then the same command goes on"),
    (r"\b(401|403|407)\b.*(Unauthorized|Forbidden|Authentication)",
     "the package index refuses us",
     "check the address and the password in PIP_INDEX_URL (or in pip's configuration)"),
    (r"\b50[0234]\b.*(Error|Bad Gateway|Unavailable|Timeout)|too many 50\d error responses",
     "the package index has a fault of its own",
     "wait some minutes, then run the same command again: finished downloads are kept"),
    (r"Connection refused|Network is unreachable|No route to host|tcp connect error|ConnectTimeout|timed out|"
     r"operation timed out|Connection reset|connection closed|error sending request",
     "the package index cannot be reached",
     "check the network and the proxy variables; run the same command again: finished downloads are kept "
     "(slow line: UV_HTTP_TIMEOUT=300)"),
    (r"[Hh]ash mismatch|Failed to extract|[Ii]nvalid [Zz]ip|unexpected end of file|CRC|corrupt",
     "a downloaded package is damaged",
     "`.venv/bin/uv cache clean`, then run the same command again"),
    (r"No solution found|No matching distribution|ResolutionImpossible|no wheels with a matching",
     "a package has no version that fits",
     "constraints.txt is for Python 3.11 and 3.12 on Linux x86-64; a mirror may lack a version: try without it"),
    (r"Failed to build|command '?\S*(gcc|cc|c\+\+|g\+\+)'? failed|Microsoft Visual C\+\+",
     "a package has no wheel for this system and cannot be compiled here",
     "use CPython 3.11 or 3.12 on Linux x86-64 with glibc 2.28 or newer"),
]  # fmt: skip


class StepFailed(Exception):
    """`str(error)` says why, `mend` what to do."""

    def __init__(self, why: str, mend: str):
        super().__init__(why)
        self.mend = mend


def explain(command: str, code: int, output: str, python: str, mend: str) -> StepFailed:
    """The failure of a command from what it printed. python: "3.12"; mend: what to do where the output is not known."""
    if code < 0:
        again = "run the same command again"
        if code == -9:
            again = f"probably too little memory: close something, then {again}"
        return StepFailed(f"`{command}` was ended by signal {-code}", again)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for pattern, why, known_mend in KNOWN:
        # The lines that say it: pip's last ones are a traceback.
        if said := [line for line in dict.fromkeys(lines) if re.search(pattern, line)]:
            return StepFailed(_told(f"{why}; ", command, code, said[-3:]), known_mend.replace("{version}", python))
    return StepFailed(_told("", command, code, lines[-12:]), mend)


def _told(why: str, command: str, code: int, lines: list[str]) -> str:
    shown = "".join(f"\n    {line[:300]}" for line in lines)
    return f"{why}`{command}` exited with {code} (all that it said is in setup.log):{shown}"
