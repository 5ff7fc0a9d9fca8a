"""`python -m reference.rag.service`: serves an index in the foreground. Settings: `RAG_*` variables.

    python -m reference.rag.service --index mine
    python -m reference.rag.service keys --file keys.jsonl create --tenant acme --expires-days 90
    python -m reference.rag.service keys --file keys.jsonl list
    python -m reference.rag.service keys --file keys.jsonl revoke KEYID

A service reads its file of keys when it starts: start it anew after a change.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from reference.rag.service.access import KeyRing
from reference.rag.service.settings import ServiceSettings
from reference.rag.types import RagError
from reference.serving.gateway import logs
from reference.serving.gateway.keys import InvalidKeySpec


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and serves. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reference.rag.service", description="Retrieval over HTTP")
    parser.add_argument("--index", help="name of the index (default mine)")
    parser.add_argument("--folder", type=Path, help="folder of the index, instead of its name")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="default 8090; 0: a free one")
    parser.add_argument("--writable", action="store_true", default=None, help="take PUT and DELETE of documents")
    parser.add_argument("--no-llm", action="store_true", help="answer with quotations, without language models")
    parser.add_argument("--tenant", default="local", help="of the key that is made where there is no file of keys")
    parser.add_argument("--keys-file", type=Path)
    commands = parser.add_subparsers(dest="command")
    _add_keys(commands.add_parser("keys", help="create, list and revoke keys"))
    options = vars(parser.parse_args(argv))
    try:
        if options["command"] == "keys":
            return _keys(options)
        chosen = {name: options[name] for name in ("index", "folder", "host", "port", "writable", "keys_file")}
        settings = ServiceSettings.from_env(**chosen, llm=False if options["no_llm"] else None)
        logs.configure(settings.log_level)
        from reference.rag.service.server import serve

        with contextlib.suppress(KeyboardInterrupt):
            serve(settings, options["tenant"])
    except (RagError, InvalidKeySpec) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", type=Path, required=True)
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a key; it is shown once")
    create.add_argument("--tenant", required=True, dest="of_tenant", help="`public`: writes what all may find")
    create.add_argument("--expires-days", type=float)
    actions.add_parser("list", help="show keys, never their text")
    actions.add_parser("revoke", help="forget a key").add_argument("key_id")


def _keys(options: dict[str, object]) -> int:
    file, action = options["file"], options["action"]
    assert isinstance(file, Path)
    ring = KeyRing(file, ServiceSettings.from_env().key_pepper)
    if action == "create":
        days = options["expires_days"]
        text, _ = ring.create(str(options["of_tenant"]), days * 86400 if isinstance(days, float) else None)
        print(text)
        return 0
    if action == "revoke":
        found = ring.revoke(str(options["key_id"]))
        print("revoked; start the service anew" if found else "no such key")
        return 0 if found else 1
    for one in ring.records():
        expires = datetime.fromtimestamp(one.expires_at, UTC).isoformat(timespec="seconds") if one.expires_at else None
        print(json.dumps({"key_id": one.key_id, "tenant": one.tenant, "expires_at": expires}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
