"""Command line of `reference.serving.gateway.keys`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from reference.serving.gateway.keys import ApiKey, InvalidKeySpec, KeyStore
from reference.serving.gateway.settings import Settings, SettingsError
from reference.serving.redis_store import RedisUnavailable, connect


def _public(record: ApiKey) -> dict[str, object]:
    def date(seconds: float) -> str | None:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None

    return {
        "key_id": record.key_id,
        "tenant": record.tenant,
        "rpm": record.rpm or None,
        "tpm": record.tpm or None,
        "created_at": date(record.created_at),
        "expires_at": date(record.expires_at),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Creates, revokes and lists keys. Returns 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m reference.serving.gateway.keys", description="API keys")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key; it is shown once")
    create.add_argument("--tenant", required=True)
    create.add_argument("--expires-days", type=float)
    create.add_argument("--rpm", type=int, default=0, help="requests per minute; 0: the gateway's default")
    create.add_argument("--tpm", type=int, default=0, help="tokens per minute; 0: the gateway's default")
    revoke = commands.add_parser("revoke", help="delete a key")
    revoke.add_argument("key_id")
    listing = commands.add_parser("list", help="show stored keys (never their text)")
    for command in (create, revoke, listing):
        command.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    try:
        settings = Settings.from_env()
        import redis

        with connect(settings.redis_url or None) as client:
            return _run(options, KeyStore(client, settings.key_prefix, settings.key_pepper))
    except (InvalidKeySpec, SettingsError, RedisUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
    except redis.RedisError as error:
        print(f"error: Redis does not answer ({type(error).__name__}); check REDIS_URL", file=sys.stderr)
    return 1


def _run(options: argparse.Namespace, store: KeyStore) -> int:
    if options.command == "create":
        expires_in_s = None if options.expires_days is None else options.expires_days * 86400
        text, record = store.create(options.tenant, expires_in_s=expires_in_s, rpm=options.rpm, tpm=options.tpm)
        print(json.dumps({"api_key": text, **_public(record)}) if options.json else text)
        return 0
    if options.command == "revoke":
        found = store.revoke(options.key_id)
        print(json.dumps({"revoked": found}) if options.json else ("revoked" if found else "no such key"))
        return 0 if found else 1
    records = [_public(record) for record in store.list()]
    if options.json:
        print(json.dumps(records))
    else:
        for entry in records:
            print("  ".join(f"{name}={value}" for name, value in entry.items() if value is not None))
    return 0
