"""A change from a local git repository: objects are read, nothing is checked out, no filter or hook of it runs."""

from __future__ import annotations

import dataclasses
import difflib
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reference.agents.diff.classify import classified
from reference.agents.diff.parse import Limits, parse_patch
from reference.agents.sources.words import has_word
from reference.agents.types import Change, ChangedFile, ReviewError, Role

FILE_SIZE = 1_000_000  # bytes; larger files are not read
TIMEOUT_S = 60.0
_DIFF = (
    "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--full-index", "-M", "--src-prefix=a/", "--dst-prefix=b/",
    "-U3", "--ignore-submodules=none", "--diff-algorithm=myers", "--no-relative",
)  # fmt: skip


def from_git(repo: Path, base: str, head: str, *, limits: Limits = Limits()) -> Change:
    """What `head` brings since it left `base`: the diff from their merge base, as GitHub shows it (base...head).

    Raises:
        ReviewError: not a repository, an unknown revision, no common ancestor, nothing changed, or over a limit.
    """
    git = Git(repo)
    base_id, head_id = git.commit(base), git.commit(head)
    if base_id == head_id:
        raise ReviewError(f"base and head are the same commit ({head_id[:12]}): there is nothing to review")
    start = git.merge_base(base_id, head_id, base, head)
    if start == head_id:
        raise ReviewError(f"head ({head_id[:12]}) is part of base already: there is nothing to review")
    data = git.diff(start, head_id, limits)
    parsed = parse_patch(data, limits=limits)
    files = _with_texts(git, parsed.files, start, head_id)
    title, _, body = (
        git.run("log", "-1", "--no-show-signature", "--format=%B", head_id).decode("utf-8", "replace").partition("\n")
    )
    author = git.run("log", "-1", "--no-show-signature", "--format=%an", head_id).decode("utf-8", "replace").strip()
    return Change(
        repository=git.folder.name,
        base=start,
        head=head_id,
        files=files,
        title=title.strip(),
        body=body.strip(),
        author=author.strip(),
        snapshot=GitSnapshot(git, head_id),
        problems=parsed.problems,
    )


class Git:
    """Read-only git commands on one repository, away from the settings of user and system.

    The repository's own .git/config is read by git all the same, as by every git command; what in it could start a
    program for these commands is switched off. Give no repository whose .git folder someone else wrote.
    """

    def __init__(self, repo: Path) -> None:
        self.folder = Path(repo).resolve()
        if not self.folder.is_dir():
            raise ReviewError(f"repo: {repo} is no folder")
        top = self._call("rev-parse", "--git-dir")
        if top.returncode:
            raise ReviewError(f"repo: {repo} is not a git repository: {_last(top.stderr)}")

    def command(self, *arguments: str) -> list[str]:
        return [
            "git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c",
            "core.attributesFile=/dev/null",
            "-c", "diff.suppressBlankEmpty=false", "-c", "core.quotePath=true", "-c",
            "log.showSignature=false", "-c", "diff.orderFile=/dev/null", "-c", "core.pager=cat",
            "-c", "protocol.allow=never", "--no-pager", "--no-replace-objects", "--literal-pathspecs", *arguments,
        ]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        # safe.directory is taken from the environment's settings only, never from the repository's own
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                self.command(*arguments), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                capture_output=True, check=False, timeout=TIMEOUT_S,
            )  # fmt: skip
        except FileNotFoundError:
            raise ReviewError("git is not installed; review a .patch file instead, or install git") from None
        except subprocess.TimeoutExpired:
            raise ReviewError(f"git {arguments[0]} did not finish within {TIMEOUT_S:g} s") from None

    def run(self, *arguments: str) -> bytes:
        """Its output. Raises ReviewError with git's last line where it fails."""
        done = self._call(*arguments)
        if done.returncode:
            raise ReviewError(f"git {arguments[0]} failed: {_last(done.stderr)}")
        return done.stdout

    def commit(self, revision: str) -> str:
        """The commit's id. Raises ReviewError naming the nearest branches and tags for an unknown revision."""
        if not revision or "\0" in revision or "\n" in revision:
            raise ReviewError("revision: a branch, tag or commit id is needed")
        done = self._call("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.returncode == 0:
            return done.stdout.decode("ascii").strip()
        names = self._call("for-each-ref", "--format=%(refname:short)").stdout.decode("utf-8", "replace").split("\n")
        near = difflib.get_close_matches(revision, [name for name in names if name], n=3, cutoff=0.4)
        hint = f"; nearest: {', '.join(near)}" if near else "; `git branch -a` lists what there is"
        if self._shallow():
            hint += "; the history is shallow, `git fetch --unshallow` brings the rest"
        raise ReviewError(f"revision {revision!r} is not known in {self.folder.name}{hint}")

    def merge_base(self, base: str, head: str, base_name: str, head_name: str) -> str:
        done = self._call("merge-base", base, head)
        if done.returncode == 0:
            return done.stdout.decode("ascii").split()[0]
        mend = (
            "the history is shallow, fetch more of it (`git fetch --unshallow`)"
            if self._shallow()
            else "give two revisions of one history, or review a patch file"
        )
        raise ReviewError(f"{base_name!r} and {head_name!r} have no common ancestor; {mend}")

    def diff(self, start: str, head: str, limits: Limits) -> bytes:
        """The diff as bytes. git is stopped at the limit, so that a huge one is not held in memory."""
        process = subprocess.Popen(
            self.command(*_DIFF, start, head, "--"), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        with process:
            data = process.stdout.read(limits.bytes + 1)
            if len(data) > limits.bytes:
                process.kill()
                raise ReviewError(
                    f"the diff has more than {limits.bytes:,} bytes, the limit; review it in smaller parts"
                )
        if process.returncode:
            raise ReviewError(f"git diff failed with exit code {process.returncode}")
        return data

    def _shallow(self) -> bool:
        return self._call("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    @contextmanager
    def batch(self) -> Iterator[_Batch]:
        """One `cat-file --batch` for many objects."""
        process = subprocess.Popen(
            self.command("cat-file", "--batch-command", "--buffer"), cwd=self.folder, env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield _Batch(process)
        finally:
            process.kill()
            process.communicate()


class _Batch:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def blob(self, id: str, most: int = FILE_SIZE) -> bytes | None:
        """A blob's bytes; None: missing, no blob, or over `most` bytes (asked before it is read)."""
        kind, size = self._ask("info", id)
        if kind != b"blob" or size > most:
            return None
        self._ask("contents", id)
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        self._process.stdout.read(1)
        return data

    def _ask(self, what: str, id: str) -> tuple[bytes, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what} {id}\nflush\n".encode("ascii"))
        self._process.stdin.flush()
        parts = self._process.stdout.readline().split()
        if len(parts) != 3:
            return b"", 0
        return parts[1], int(parts[2])


def _tree(git: Git, commit: str) -> dict[str, tuple[str, str]]:
    """path -> (mode, object id) of a commit; names that are not UTF-8 are left out."""
    made = {}
    for entry in git.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        head, _, name = entry.partition(b"\t")
        if name:
            mode, _, id = head.decode("ascii").split()
            try:
                made[name.decode("utf-8")] = (mode, id)
            except UnicodeDecodeError:
                continue
    return made


def _with_texts(git: Git, files: Sequence[ChangedFile], start: str, head: str) -> tuple[ChangedFile, ...]:
    old, new = _tree(git, start), _tree(git, head)
    made = []
    with git.batch() as batch:
        for file in files:
            if file.role in (Role.BINARY, Role.SUBMODULE, Role.SYMLINK) or file.why_not_read.startswith("too large"):
                made.append(file)
                continue
            before = _text(batch, old, file.old_path or file.path) if file.status != "added" else None
            after = _text(batch, new, file.path) if file.status != "deleted" else None
            why = file.why_not_read
            if after is None and file.status != "deleted" and file.path in new and not why:
                why = f"over {FILE_SIZE:,} bytes or not text"
            one = dataclasses.replace(file, before=before, after=after, why_not_read=why)
            made.append(classified(one))
    return tuple(made)


def _text(batch: _Batch, tree: dict[str, tuple[str, str]], path: str) -> str | None:
    mode, id = tree.get(path, ("", ""))
    if mode not in ("100644", "100755", "100664"):
        return None
    data = batch.blob(id)
    return None if data is None or b"\0" in data else data.decode("utf-8", "replace")


class GitSnapshot:
    """Files of one commit (see interfaces.Snapshot). Texts are kept once read, up to `keep` characters in all."""

    def __init__(self, git: Git, commit: str, *, keep: int = 200_000_000) -> None:
        self._git, self._commit, self._keep = git, commit, keep
        self._entries: dict[str, tuple[str, str]] | None = None
        self._texts: dict[str, str | None] = {}

    @property
    def _files(self) -> dict[str, tuple[str, str]]:
        if self._entries is None:
            tree = _tree(self._git, self._commit)
            self._entries = {path: entry for path, entry in tree.items() if entry[0].startswith("100")}
        return self._entries

    def paths(self) -> Sequence[str]:
        return sorted(self._files)

    def read(self, path: str) -> str | None:
        return self._read([path]).get(path)

    def grep(self, word: str, among: Sequence[str]) -> list[str]:
        texts = self._read(among)
        return [path for path in among if has_word(texts.get(path), word)]

    def _read(self, among: Sequence[str]) -> dict[str, str | None]:
        missing = [path for path in among if path not in self._texts and path in self._files]
        made: dict[str, str | None] = {path: self._texts[path] for path in among if path in self._texts}
        if missing:
            with self._git.batch() as batch:
                for path in missing:
                    text = _text(batch, self._files, path)
                    made[path] = text
                    if self._keep >= len(text or ""):
                        self._keep -= len(text or "")
                        self._texts[path] = text
        return made


def _last(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "no message"
