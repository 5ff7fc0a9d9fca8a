"""Where the candidate's lines come from: a terminal with a running clock under the prompt, or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

PROMPT = "> "


class Broken(KeyboardInterrupt):
    """Ctrl-C in the middle of a line. typed: what stood there already."""

    def __init__(self, typed: str) -> None:
        super().__init__()
        self.typed = typed


class Source(Protocol):
    """read raises EOFError at the end of the input, KeyboardInterrupt on Ctrl-C."""

    ticking: bool  # whether the status is visible while the candidate types

    def read(self, status: Callable[[], str], prompt: str = PROMPT) -> str: ...


class Piped:
    """Lines of a file or another process; nothing is shown to nobody."""

    ticking = False

    def read(self, status: Callable[[], str], prompt: str = PROMPT) -> str:
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")


class Plain:
    """A terminal without prompt_toolkit: the status stands above each prompt."""

    ticking = False

    def read(self, status: Callable[[], str], prompt: str = PROMPT) -> str:
        text = status()
        return input(f"{f'[{text}] ' if text else ''}{prompt}")


class Ticking:
    """A terminal with prompt_toolkit: the status runs in the last line while the candidate types."""

    ticking = True

    def __init__(self, to_stderr: bool = False) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import create_output
        from prompt_toolkit.styles import Style

        output = create_output(stdout=sys.stderr) if to_stderr else None
        style = Style.from_dict({"bottom-toolbar": "noreverse bg:#d5dbe1 #1f2933"})
        self._session: Any = PromptSession(output=output, style=style)

    def read(self, status: Callable[[], str], prompt: str = PROMPT) -> str:
        toolbar = status if status() else None
        try:
            return str(self._session.prompt(prompt, bottom_toolbar=toolbar, refresh_interval=0.5 if toolbar else 0))
        except KeyboardInterrupt:
            raise Broken(self._session.default_buffer.text) from None


def source(to_stderr: bool = False) -> Source:
    """The best one for what standard input is. to_stderr: standard output is kept for JSON."""
    if not sys.stdin.isatty():
        return Piped()
    shown = sys.stderr if to_stderr else sys.stdout
    if not shown.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return Plain()
    try:
        return Ticking(to_stderr)
    except ImportError:
        return Plain()
