"""Environments of peers: made once, anew when their pins change, and one that fails stops nobody."""

from __future__ import annotations

import pytest


@pytest.fixture
def peers(tmp_path, monkeypatch):
    """The step, with a recorder for uv: `peers.calls` is what it was asked, `peers.breaks` what it refuses."""
    from setup_steps import failures
    from setup_steps import peers as step

    (tmp_path / "pins").mkdir()
    for name in step.PEERS:
        (tmp_path / "pins" / f"{name}.txt").write_text(f"{name}==1\n")
    monkeypatch.setattr(step, "FOLDER", tmp_path / "peers")
    monkeypatch.setattr(step, "PINS", tmp_path / "pins")
    monkeypatch.setattr(step, "uv_environment", dict)
    step.calls, step.breaks = [], ""

    def call(args, mend, env=None):
        step.calls.append(args)
        if step.breaks and any(step.breaks in part for part in args):
            raise failures.StepFailed("offline", "go online")
        if args[1] == "venv":
            python = tmp_path / "peers" / args[-1].rsplit("/", 1)[-1] / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
            for folder in ("lib/python3.11/site-packages", "lib/python3.12/site-packages"):
                (python.parents[1] / folder).mkdir(parents=True)

    monkeypatch.setattr(step, "call", call)
    return step


def test_an_environment_is_kept_until_its_pins_change(peers, tmp_path):
    assert (peers.make_peer("nbgrader"), peers.make_peer("nbgrader")) == ("made", "kept")
    assert [args[1] for args in peers.calls] == ["venv", "pip"]
    (tmp_path / "pins" / "nbgrader.txt").write_text("nbgrader==2\n")
    assert peers.make_peer("nbgrader") == "made"


def test_only_the_peer_that_borrows_sees_the_packages_of_the_workbook(peers, tmp_path):
    assert peers.make_peers() == []
    links = {path.parents[3].name: path.read_text() for path in (tmp_path / "peers").rglob("*.pth")}
    assert list(links) == ["guards"]
    assert links["guards"].strip().startswith(str(peers.places.VENV))


def test_one_that_cannot_be_made_is_told_and_tried_again_while_the_others_are_made(peers, capsys):
    peers.breaks = "guards.txt"
    assert peers.make_peers() == ["guards"]
    told = capsys.readouterr()
    assert "guards was not made.\n  why: offline\n  do:  go online" in told.err
    assert "nbgrader: made" in told.out
    peers.breaks = ""
    assert peers.make_peers() == []
    assert "guards: made" in capsys.readouterr().out
