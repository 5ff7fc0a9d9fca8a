"""What a command of the workbook may fail with: one sentence that says why, one that says what to do, an exit code."""

from __future__ import annotations

# Exit codes, documented in docs/cli-json.md.
OK = 0
FAILED = 1  # the thing that was checked is not in order: a notebook failed, doctor found a fault, a pair differs
USAGE = 2  # the command line is wrong: unknown notebook, parameter, profile or option
ENVIRONMENT = 3  # this machine or checkout cannot do it: no engine, a port taken, a damaged listing
INTERNAL = 70  # a fault of the workbook itself
INTERRUPTED = 130


class WorkbookError(Exception):
    """A failure that the reader can act on: `str(error)` says what, `mend` what to do."""

    exit_code = ENVIRONMENT

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend

    def to_dict(self) -> dict[str, object]:
        return {"message": str(self), "mend": self.mend, "exit_code": self.exit_code}


class UsageError(WorkbookError):
    """The command line asks for something that does not exist or cannot be."""

    exit_code = USAGE


class ListingError(WorkbookError):
    """notebooks.toml and the notebooks on disk do not agree, or a notebook cannot be what it is listed as."""

    exit_code = FAILED
