"""uv, the packages, and what the workbook does to them."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setup_steps import places
from setup_steps.commands import call
from setup_steps.failures import StepFailed
from setup_steps.venv import clean_environment

UV_NAMES = {"find-links": "UV_FIND_LINKS", "index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


def pip_settings() -> dict[str, str]:
    """What this machine's pip is configured with (a company's mirror, a folder of wheels); uv reads none of it."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line) if not done.returncode else {}
    return {name: found[key].strip("'\"") for name in UV_NAMES if (key := f"global.{name}") in found}


def uv_environment() -> dict[str, str]:
    env = clean_environment()
    configured = pip_settings()
    for theirs, ours in UV_NAMES.items():
        value = os.environ.get("PIP_" + theirs.replace("-", "_").upper()) or configured.get(theirs)
        if ours not in env and value:
            env[ours] = value
    # The cache that step 1 could write to, also where HOME is missing.
    return env | {"VIRTUAL_ENV": str(places.VENV), "UV_CACHE_DIR": str(places.uv_cache())}


def install_uv(settings: dict) -> str:
    pin = f"uv=={settings['uv']}"
    if not _uv_is(settings["uv"]):
        # -vv: otherwise pip keeps to itself that the index refused, and says that there is no such package. Forced: an
        # install that was killed leaves pip's record of a package whose files are not there.
        command = [str(places.PYTHON), "-m", "pip", "install", "-vv", "--disable-pip-version-check"]
        mend = "the package index must be reachable: check the network or pip's index-url"
        call([*command, "--force-reinstall", pin], mend, clean_environment())
    return pin


def _uv_is(version: str) -> bool:
    try:
        done = subprocess.run([str(places.UV), "--version"], capture_output=True, text=True)
    except OSError:
        return False
    return done.returncode == 0 and version in done.stdout.split()


def install_packages(variant: str, extras: list[str], settings: dict) -> str:
    """Into .venv, as constraints.txt says. After an interrupted install, what is half there is installed anew."""
    env = uv_environment()
    wanted = ",".join([variant, *extras])
    damaged = drop_damaged(places.VENV) if places.INSTALLING.exists() else []
    args = [str(places.UV), "pip", "install", "--python", str(places.PYTHON)]
    backend = ["--torch-backend", "cpu"] if variant == "cpu" and not env.get("UV_FIND_LINKS") else []
    mend = "run the same command again: finished downloads are kept; `.venv/bin/workbook doctor` looks for the rest"
    places.INSTALLING.touch()
    places.RECORD.unlink(missing_ok=True)
    try:
        # The pip that Python brought along is years old and has published holes.
        newer = f"pip=={settings['pip']}"
        call([*args, *backend, "-c", "constraints.txt", "-e", f".[{wanted}]", newer], mend, env, show=True)
        if "test" in extras:
            call([*args, "--no-deps", *settings["install-without-dependencies"]], mend, env)
    except StepFailed as failure:
        if str(failure).startswith("the disk is full"):
            raise StepFailed(f"{_free()}: {failure}", failure.mend) from None
        raise
    places.INSTALLING.unlink()
    return f"extras {wanted}" + (f"; half there and installed anew: {', '.join(damaged)}" if damaged else "")


def drop_damaged(venv: Path) -> list[str]:
    """Forget the packages of which something is missing, so that uv installs them anew; their names.

    uv takes a package for installed when its folder of metadata is there, also one that a kill left without the rest.
    Its own --reinstall would help, and download everything once more.
    """
    names = []
    for site in venv.glob("lib/python3.*/site-packages"):
        for info in sorted(site.glob("*.dist-info")):
            if not _is_whole(info):
                shutil.rmtree(info)
                names.append(info.name.split("-")[0])
    return names


def _is_whole(info: Path) -> bool:
    """RECORD is there (uv and pip write it last) and so is every file that it lists."""
    try:
        with (info / "RECORD").open(newline="", encoding="utf-8") as file:
            listed = [row[0] for row in csv.reader(file) if row]
    except OSError:
        return False
    return all(name.endswith(".pyc") or (info.parent / name).exists() for name in listed)


def _free() -> str:
    found = {folder: shutil.disk_usage(folder).free / 1e9 for folder in (places.ROOT, places.uv_cache())}
    return ", ".join(f"{free:.1f} GB free for {folder}" for folder, free in found.items())


def mend_vllm() -> str:
    command = [str(places.PYTHON), "-m", "reference.serving.vllm_metadata"]
    return call(command, "report this with the output above", clean_environment()).strip()


def unpack_model() -> str:
    mend = "`.venv/bin/workbook doctor`; WORKBOOK_CACHE moves the cache"
    return call([str(places.PYTHON), "-m", "reference.serving.models"], mend, clean_environment()).strip()
