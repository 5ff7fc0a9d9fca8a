"""What is checked before a download, and what pip's and uv's own words are turned into."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
import setup_env
from setup_steps import machine, packages, places
from setup_steps.failures import KNOWN, StepFailed, explain

ENTRY = Path(setup_env.__file__)


@pytest.mark.parametrize(
    ("version", "implementation", "bits", "says"),
    [
        ((3, 10, 13), "CPython", 64, "Python 3.10.13"),
        ((3, 13, 0), "CPython", 64, "needs 3.11 or 3.12"),
        ((3, 14, 1), "CPython", 64, "Python 3.14.1"),
        ((2, 7, 18), "CPython", 64, "Python 2.7.18"),
        ((3, 11, 9), "PyPy", 64, "PyPy 3.11.9"),
        ((3, 12, 1), "CPython", 32, "32 bits"),
        ((3, 11, 7), "CPython", 64, ""),
        ((3, 12, 1), "CPython", 64, ""),
    ],
)
def test_an_interpreter_that_cannot_run_the_workbook_is_named(version, implementation, bits, says):
    fault = setup_env.interpreter_fault(version, implementation, bits)
    assert bool(fault) == bool(says)
    assert says in fault


def test_any_python_can_read_the_file_that_refuses_it():
    tree = ast.parse(ENTRY.read_text(), feature_version=(3, 4))
    found = {type(node) for node in ast.walk(tree)}
    assert not found & {ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.AsyncFunctionDef}
    top = [node.names[0].name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert top == ["platform", "sys"]


# Each of these was printed by pip 23.2.1 or uv 0.13.9 in a set-up whose network, disk or index was broken on purpose.
PRINTED = [
    ("cause: client error (Connect)\n  cause: dns error\n", "cannot be looked up"),
    ("Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/uv/\n"
     "ERROR: No matching distribution found for uv==0.13.9", "cannot be looked up"),
    ("  cause: tunnel error: failed to create underlying connection\n  cause: tcp connect error", "proxy does not"),
    ("  cause: tunnel error: proxy authorization required", "proxy does not"),
    ("connection broken by 'ProxyError('Cannot connect to proxy.', NewConnectionError(': Connection refused",
     "proxy does not"),
    ("cause: HTTP status server error (503 Service Unavailable) for url (http://127.0.0.1/index/rank-bm25/)",
     "fault of its own"),
    ("Could not fetch URL http://127.0.0.1:1/index/uv/: Max retries exceeded (Caused by ResponseError('too many 503 "
     "error responses')) - skipping\nERROR: No matching distribution found for uv==0.13.9", "fault of its own"),
    ("error: No solution found when resolving dependencies\nhint: An index (http://127.0.0.1/index) returned a 403 "
     "Forbidden error. Check that the index URL is correct", "refuses us"),
    ("hint: An index URL could not be queried due to a lack of valid authentication credentials (401 Unauthorized)",
     "refuses us"),
    ("  cause: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "certificate"),
    ("  cause: tcp connect error\n  cause: Connection refused (os error 111)", "cannot be reached"),
    ("OSError: [Errno 28] No space left on device", "disk is full"),
    ("error: No solution found when resolving dependencies", "no version that fits"),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "why"), PRINTED)
def test_what_pip_and_uv_print_is_put_into_words(printed, why):
    failure = explain("uv pip install ...", 2, printed, "3.12", "unknown")
    assert why in str(failure)
    assert failure.mend != "unknown"
    assert "setup.log" in str(failure)


def test_every_known_cause_has_a_mend_that_the_words_of_the_cause_lead_to():
    assert len({why for _, why, _ in KNOWN}) == len(KNOWN)
    assert all(mend for _, _, mend in KNOWN)


def test_the_package_that_debian_split_off_is_named_with_its_version():
    printed = "The virtual environment was not created successfully because ensurepip is not\navailable."
    assert "apt-get install python3.12-venv" in explain("python3 -m venv", 1, printed, "3.12", "").mend


def test_what_is_not_known_is_shown_with_its_last_lines():
    failure = explain("uv pip install ...", 2, "\n".join(f"line {n}" for n in range(30)), "3.12", "report it")
    assert "line 29" in str(failure)
    assert "line 17" not in str(failure)
    assert failure.mend == "report it"


def test_a_command_that_was_killed_is_told_apart():
    assert "too little memory" in explain("uv", -9, "", "3.12", "").mend
    assert "signal 15" in str(explain("uv", -15, "", "3.12", ""))


# The machine


@pytest.fixture
def system(monkeypatch):
    def pretend(name: str, processor: str = "x86_64", libc: tuple[str, str] = ("glibc", "2.36")) -> None:
        monkeypatch.setattr("platform.system", lambda: name)
        monkeypatch.setattr("platform.machine", lambda: processor)
        monkeypatch.setattr("platform.libc_ver", lambda executable: libc)

    return pretend


@pytest.mark.parametrize(
    ("name", "processor", "libc", "note"),
    [
        ("Linux", "x86_64", ("glibc", "2.36"), ""),
        ("Linux", "x86_64", ("glibc", "2.28"), ""),
        ("Linux", "aarch64", ("glibc", "2.36"), "aarch64 is untried"),
    ],
)
def test_a_system_with_wheels_goes_on_and_says_what_is_untried(system, name, processor, libc, note):
    system(name, processor, libc)
    assert machine.check_system(untried=False) == note


@pytest.mark.parametrize(
    ("name", "libc", "why", "mend"),
    [
        ("Darwin", ("", ""), "this is Darwin", "Linux container"),
        ("Windows", ("", ""), "this is Windows", "WSL 2"),
        ("Linux", ("", ""), "musl", "container"),
        ("Linux", ("glibc", "2.17"), "glibc 2.17", "newer system"),
    ],
)
def test_a_system_without_wheels_is_refused_unless_asked_for(system, name, libc, why, mend):
    system(name, libc=libc)
    with pytest.raises(StepFailed, match=why) as caught:
        machine.check_system(untried=False)
    assert mend in caught.value.mend
    assert "--untried" in caught.value.mend
    assert "untried" in machine.check_system(untried=True)


@pytest.fixture
def own_places(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.setattr(places, "UV", tmp_path / ".venv" / "bin" / "uv")
    for name in ("UV_CACHE_DIR", "WORKBOOK_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_too_little_disk_is_told_before_the_download_with_what_is_needed(own_places, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1.5e9))
    with pytest.raises(StepFailed, match=r"1\.5 GB free .* 6 GB needed"):
        machine.check_machine("cpu", untried=False)
    places.UV.parent.mkdir(parents=True)
    places.UV.touch()
    assert "2 GB free" in machine.check_machine("cpu", untried=False)


def test_a_cache_that_cannot_be_written_is_named_with_the_variable_that_moves_it(own_places):
    (own_places / "cache").write_text("a file where the folder should be")
    with pytest.raises(StepFailed, match="cache/uv cannot be written") as caught:
        machine.check_machine("cpu", untried=False)
    assert "XDG_CACHE_HOME" in caught.value.mend


def test_a_home_that_is_missing_is_no_fault_where_the_caches_are_elsewhere(own_places, monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")
    assert machine.check_machine("cpu", untried=False).startswith("Python 3.1")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert str(places.uv_cache()).startswith("/nonexistent")


def test_a_colon_in_the_path_is_told_before_venv_refuses_it(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "ROOT", tmp_path / "a:b")
    with pytest.raises(StepFailed, match="colon"):
        machine.check_machine("cpu", untried=False)


def test_a_driver_that_hangs_does_not_stop_the_set_up(monkeypatch, tmp_path):
    import subprocess

    def hang(*args, **options):
        raise subprocess.TimeoutExpired("nvidia-smi", 30)

    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", hang)
    assert machine.find_variant("auto") == "cpu"


@pytest.mark.slow
def test_uv_is_told_what_pip_is_configured_with(monkeypatch, tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://mirror.example/packages?a=b\ncert = /company.pem\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_CERT", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    env = packages.uv_environment()
    assert env["UV_DEFAULT_INDEX"] == "https://mirror.example/packages?a=b"
    assert env["SSL_CERT_FILE"] == "/company.pem"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/packages")
    assert packages.uv_environment()["UV_DEFAULT_INDEX"] == "https://other.example/packages"
