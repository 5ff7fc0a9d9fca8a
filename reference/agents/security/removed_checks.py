"""Checks of permission that a change takes away without putting one in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reference.agents.types import ChangedFile

from .fault import Fault

_CHECK = re.compile(
    r"@\s*(?P<decorator>[\w.]*(login_required|permission_required|requires?_auth\w*|auth_required|csrf_protect|jwt_required"
    r"|roles?_required|admin_required|staff_member_required|user_passes_test|permission_classes|requires_role))\b"
    r"|\b(?P<call>check_permissions?|verify_signature|verify_token|require_admin|require_permission|abort_unless\w*"
    r"|has_permission|enforce_csrf|authorize|authenticate_or_401)\s*\(",
)


def faults_of(file: ChangedFile) -> Iterator[Fault]:
    """Per hunk: a check among the removed lines, and none among the added ones; on the line where it stood."""
    for hunk in file.hunks:
        added = "\n".join(line.text for line in hunk.lines if line.kind == "added")
        if _CHECK.search(added):
            continue
        following: list[int] = []
        for line in reversed(hunk.lines):
            if line.new is not None:
                following.append(line.new)
            if line.kind != "removed":
                continue
            match = _CHECK.search(line.text)
            if match and not line.text.lstrip().startswith(("#", "//", "def ", "import ", "from ")) and following:
                what = (match.group("decorator") or match.group("call"))[:40]
                yield Fault("check-removed", following[-1], following[-1], {"what": what}, "diff", 0.8)
