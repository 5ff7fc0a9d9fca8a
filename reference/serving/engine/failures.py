"""Why vLLM ended: what its log says, put into words."""

from __future__ import annotations

import re

from reference.serving.engine import state as files

# What vLLM prints -> what a reader should do.
KNOWN_FAILURES = [
    (r"Address already in use", "the port was taken meanwhile; start again"),
    (r"Available memory on node|No available memory for the cache|out of memory|Cannot allocate memory|"
     r"Unable to allocate|Failed core proc\(s\): \{[^}]*: -9",
     "too little memory: lower WORKBOOK_ENGINE_KV_GIB, or close something"),
    (r"Insufficient space in /dev/shm",
     "too little shared memory: `docker run --shm-size=1g`, or `mount -o remount,size=1g /dev/shm`"),
    (r"No space left on device", "a disk is full: free some space, or set WORKBOOK_CACHE and TMPDIR to another one"),
    # vLLM warns of this error at every start on which it cannot raise the limit.
    (r"(?m)^(?!.*can cause fd limit errors).*Too many open files",
     "too few files may be open: `ulimit -n 4096` in this shell, then start again"),
    (r"can't start new thread|Resource temporarily unavailable",
     "too few processes may run: raise `ulimit -u`, or the container's limit of processes"),
    (r"No module named|cannot import name|undefined symbol|cannot open shared object",
     "the installation is damaged or half done: `make setup`; if that does not mend it, `make clean setup`"),
    (r"estimated maximum model length is (\d+)",
     "the KV cache is too small for one request: raise WORKBOOK_ENGINE_KV_GIB or lower WORKBOOK_ENGINE_MAX_LEN"),
    (r"Repo id must be|is not a local folder and is not a valid model|Can't load the configuration|"
     r"LocalEntryNotFound|Failed to resolve|offline mode",
     "the model cannot be fetched: name a folder on this machine in WORKBOOK_MODEL"),
    (r"error: (unrecognized arguments|argument)", "WORKBOOK_ENGINE_ARGS has something that vLLM does not know"),
    (r"Failed to infer device type", "vLLM's metadata is damaged: `workbook doctor --fix`"),
    (r"Illegal instruction|Failed core proc\(s\): \{[^}]*: -4",
     "this CPU lacks instructions that the vLLM build uses (AVX2 or AVX-512)"),
]  # fmt: skip

_SIGNALS = {
    4: ": this CPU lacks instructions that the vLLM build uses (AVX2 or AVX-512)",
    9: ": probably out of memory; lower WORKBOOK_ENGINE_KV_GIB, or close something",
}


def explain_failure(log: str, exit_code: int | None) -> str:
    """One message from the end of vLLM's log: the line that names the fault, and the mend where it is known."""
    lines = log.splitlines()
    errors = [line for line in lines if re.search(r"\b\w*(Error|Exception)\b[:(]|error:", line)]
    said = re.sub(r"^.*?(?=\w*(Error|Exception)\b|error:)", "", errors[-1]).strip() if errors else "\n".join(lines[-5:])
    for pattern, mend in KNOWN_FAILURES:
        if match := re.search(pattern, log):
            line = next(line for line in lines if match[0].splitlines()[0] in line)
            return f"{mend} (vLLM: {line[-200:].strip()})"
    if exit_code is not None and exit_code < 0:
        return f"vLLM was ended by signal {-exit_code}" + _SIGNALS.get(-exit_code, "; start again")
    return f"vLLM exited with {exit_code}: {said[-400:]} (the whole log: {files.engine_dir() / 'engine.log'})"
