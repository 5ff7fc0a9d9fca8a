"""`workbook doctor --security`: what is open to others on this machine, in this checkout and in what is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbook.doctor.model import Check
from workbook.doctor.security_code import binds, loading
from workbook.doctor.security_files import permissions
from workbook.doctor.security_packages import advisories, audit, licences
from workbook.doctor.security_secrets import history, runs, tree
from workbook.doctor.security_servers import addresses, redis, servers
from workbook.doctor.security_shipped import shipped

# Each check gives one finding or several.
CHECKS: dict[str, Callable[[], list[Check]]] = {
    "servers": servers,
    "redis": redis,
    "addresses": addresses,
    "permissions": permissions,
    "secrets": tree,
    "runs": runs,
    "binds": binds,
    "loading": loading,
    "shipped files": shipped,
    "advisories": advisories,
    "licences": licences,
}
# Minutes, or other people's servers.
DEEP: dict[str, Callable[[], list[Check]]] = {
    "history": history,
    "audit": audit,
}


def run_checks(deep: bool = False) -> Iterator[Check]:
    """Every finding, as it is made. What breaks was not checked, which is no pass."""
    for name, check in (CHECKS | DEEP if deep else CHECKS).items():
        try:
            yield from check()
        except Exception as error:
            yield Check(name, "not checked", f"the check broke: {type(error).__name__}: {error}", "`make setup`")
