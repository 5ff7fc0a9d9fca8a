"""`workbook doctor --security`: what is open to others on this machine, in this checkout and in what is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbook.doctor import (
    security_code,
    security_files,
    security_packages,
    security_secrets,
    security_servers,
    security_shipped,
)
from workbook.doctor.model import Check

# Each check gives one finding or several.
CHECKS: dict[str, Callable[[], list[Check]]] = {
    "servers": security_servers.servers,
    "redis": security_servers.redis,
    "addresses": security_servers.addresses,
    "permissions": security_files.permissions,
    "secrets": security_secrets.tree,
    "runs": security_secrets.runs,
    "binds": security_code.binds,
    "loading": security_code.loading,
    "shipped files": security_shipped.shipped,
    "advisories": security_packages.advisories,
    "licences": security_packages.licences,
}
# Minutes, or other people's servers.
DEEP: dict[str, Callable[[], list[Check]]] = {
    "history": security_secrets.history,
    "audit": security_packages.audit,
}


def run_checks(deep: bool = False) -> Iterator[Check]:
    """Every finding, as it is made. What breaks was not checked, which is no pass."""
    for name, check in (CHECKS | DEEP if deep else CHECKS).items():
        try:
            yield from check()
        except Exception as error:
            yield Check(name, "not checked", f"the check broke: {type(error).__name__}: {error}", "`make setup`")
