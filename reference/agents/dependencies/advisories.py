"""Known vulnerabilities from a file, in the shape of OSV. What the file does not know is "not known", never "safe"."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.agents.types import ReviewError

if TYPE_CHECKING:
    from packaging.version import Version

SHIPPED = Path(__file__).parent / "advisories.json"


@dataclass(frozen=True, slots=True)
class Advisory:
    """`ranges`: pairs of (introduced, fixed); fixed is empty where no release mends it."""

    id: str
    package: str
    aliases: tuple[str, ...]
    ranges: tuple[tuple[str, str], ...]
    summary: str


class Advisories:
    """Lookup by package.

    Attributes:
        source, date: where the records are from and the day of the newest one.
    """

    def __init__(self, records: Iterable[Advisory], source: str, date: str) -> None:
        self.source, self.date = source, date
        self._by_package: dict[str, list[Advisory]] = {}
        for one in records:
            self._by_package.setdefault(one.package, []).append(one)

    @classmethod
    def load(cls, path: Path | None = None) -> Advisories:
        """The shipped snapshot, or a file that import_osv wrote. Raises ReviewError naming the file."""
        path = path or SHIPPED
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            records = [_record(one) for one in data["advisories"]]
            return cls(records, data["source"], data.get("newest_record") or data["retrieved"])
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise ReviewError(
                f"{path}: no advisory file ({problem}); make one with import_osv from an OSV export"
            ) from None

    def __len__(self) -> int:
        return sum(map(len, self._by_package.values()))

    def knows(self, package: str) -> bool:
        """Whether there is any record of this package; without one nothing can be said about it."""
        return package in self._by_package

    def affecting(self, package: str, version: str) -> list[Advisory]:
        """Advisories whose ranges hold this version; [] for a version that is none."""
        from packaging.version import InvalidVersion, Version

        try:
            wanted = Version(version)
        except InvalidVersion:
            return []
        return [one for one in self._by_package.get(package, ()) if any(_holds(wanted, a, b) for a, b in one.ranges)]

    def affecting_all(self, package: str, specifier: str) -> list[Advisory]:
        """Advisories that hit every version which the specifier allows, by its bounds; [] where it has no upper one, or
        is none of PEP 440 (poetry's ^)."""
        from packaging.version import Version

        bounds = _bounds(specifier)
        if bounds is None:
            return []
        lower, upper, closed = bounds
        found = []
        for one in self._by_package.get(package, ()):
            for introduced, fixed in one.ranges:
                from_start = introduced == "0" or (lower is not None and lower >= Version(introduced))
                to_end = not fixed or upper < Version(fixed) or (upper == Version(fixed) and not closed)
                if from_start and to_end:
                    found.append(one)
                    break
        return found


def fixed_version(advisories: Sequence[Advisory], version: str = "") -> str:
    """Smallest release that mends all of them, from `version` on (or from whatever a range allows); empty if one has
    no fix."""
    from packaging.version import Version

    needed = []
    for one in advisories:
        fixes = [Version(f) for a, f in one.ranges if f and (not version or _holds(Version(version), a, f))]
        if not fixes:
            return ""
        needed.append(min(fixes) if version else max(fixes))
    return str(max(needed)) if needed else ""


def import_osv(source: Path, out: Path) -> int:
    """Write an advisory file from an OSV export: a zip or a folder of JSON records. Returns how many were written.

    Raises:
        ReviewError: nothing could be read; `out` is not touched.
    """
    from reference.sizing.files import write_whole

    records, newest = [], ""
    for one in _osv_records(source):
        if one.get("withdrawn"):
            continue
        for affected in one.get("affected", ()):
            package = affected.get("package", {})
            if package.get("ecosystem") != "PyPI":
                continue
            ranges = [r for item in affected.get("ranges", ()) if item.get("type") == "ECOSYSTEM" for r in _pairs(item)]
            if ranges:
                published = str(one.get("published", ""))[:10]
                newest = max(newest, published)
                summary = str(one.get("summary") or one.get("details") or "").strip().split("\n")[0][:100]
                records.append(
                    {"id": one["id"], "package": re.sub(r"[-_.]+", "-", package["name"]).lower(), "ecosystem": "PyPI",
                     "aliases": one.get("aliases", []), "published": published, "ranges": ranges, "summary": summary}
                )  # fmt: skip
    if not records:
        raise ReviewError(f"{source}: no PyPI record of an OSV export in it")
    whole = {"source": f"OSV export {source.name}", "retrieved": newest, "newest_record": newest, "advisories": records}
    write_whole(out, json.dumps(whole, indent=1) + "\n")
    return len(records)


def _osv_records(source: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if source.is_dir():
            for file in sorted(source.rglob("*.json")):
                yield json.loads(file.read_text(encoding="utf-8"))
        else:
            with zipfile.ZipFile(source) as archive:
                for name in sorted(archive.namelist()):
                    if name.endswith(".json"):
                        yield json.loads(archive.read(name))
    except (OSError, ValueError, zipfile.BadZipFile) as problem:
        raise ReviewError(
            f"{source}: not an OSV export ({problem}); give the zip of an ecosystem or its folder"
        ) from None


def _pairs(item: Mapping[str, Any]) -> list[dict[str, str]]:
    pairs: list[dict[str, str]] = []
    for event in item.get("events", ()):
        if "introduced" in event:
            pairs.append({"introduced": event["introduced"]})
        elif pairs and "fixed" in event:
            pairs[-1]["fixed"] = event["fixed"]
    return pairs


def _record(one: Mapping[str, Any]) -> Advisory:
    ranges = tuple((item["introduced"], item.get("fixed") or "") for item in one["ranges"])
    return Advisory(one["id"], one["package"], tuple(one["aliases"]), ranges, one["summary"])


def _holds(version: Any, introduced: str, fixed: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return (introduced == "0" or Version(introduced) <= version) and (not fixed or version < Version(fixed))
    except InvalidVersion:
        return False


def _bounds(specifier: str) -> tuple[Version | None, Version, bool] | None:
    """(lower, upper, whether the upper one is allowed) of a specifier; None without an upper bound."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    lower: Version | None = None
    upper: tuple[Version, bool] | None = None
    try:
        for one in SpecifierSet(specifier):
            version = Version(one.version.removesuffix(".*"))
            if one.operator in (">=", ">", "~=", "=="):
                lower = version if lower is None else max(lower, version)
            last = (version, True)
            if one.operator == "~=" or one.version.endswith(".*"):
                release = list(version.release[:-1] if one.operator == "~=" else version.release)
                last = (Version(".".join(map(str, [*release[:-1], release[-1] + 1]))), False)
            elif one.operator == "<":
                last = (version, False)
            elif one.operator not in ("<=", "==", "==="):
                continue
            upper = last if upper is None else min(upper, last)
    except (InvalidSpecifier, InvalidVersion, IndexError):
        return None
    return None if upper is None else (lower, *upper)
