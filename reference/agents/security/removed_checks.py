"""Checks of permission that a change takes away without putting one in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reference.agents.types import ChangedFile

from .fault import Fault

MOST_REMOVED = 6
_CHECK = re.compile(
    r"@\s*(?P<decorator>[\w.]*(login_required|permission_required|requires?_auth\w*|auth_required|csrf_protect|jwt_required"
    r"|roles?_required|admin_required|staff_member_required|user_passes_test|permission_classes|requires_role))\b"
    r"|\b(?P<call>check_permissions?|verify_signature|verify_token|require_admin|require_permission|abort_unless\w*"
    r"|has_permission|enforce_csrf|authorize|authenticate_or_401)\s*\(",
)


_DEFINITION = re.compile(r"\s*(async\s+def|def|class|function|func)\s+(?P<name>\w+)")


def faults_of(file: ChangedFile) -> Iterator[Fault]:
    """A check among the removed lines that no added line of the file has, at the line after it.

    What was deleted together with the function that it guarded is no fault: the definition after it is gone as well.
    """
    added = "\n".join(file.added.values())
    for hunk in file.hunks:
        for at, line in enumerate(hunk.lines):
            match = _CHECK.search(line.text) if line.kind == "removed" else None
            if match is None or line.text.lstrip().startswith(("#", "//", "def ", "import ", "from ")):
                continue
            what = match.group("decorator") or match.group("call")
            if re.search(rf"\b{re.escape(what.rsplit('.', 1)[-1])}\b", added):
                continue
            after = hunk.lines[at + 1 :]
            if match.group("decorator"):
                guarded = next((d for x in after if (d := _DEFINITION.match(x.text)) is not None), None)
                owner = next((x for x in after if _DEFINITION.match(x.text)), None)
                renamed = guarded is not None and re.search(rf"\b{guarded.group('name')}\b", added)
                if owner is not None and owner.kind == "removed" and not renamed:
                    continue
            elif sum(x.kind == "removed" for x in hunk.lines) > MOST_REMOVED:
                continue  # a rewrite: where the check went cannot be told from here
            place = next((x.new for x in after if x.new is not None), None)
            if place is not None:
                yield Fault("check-removed", place, place, {"what": what[:40]}, "diff", 0.8)
