"""Who asks: a key names the tenant whose documents it may find and write; documents of `public` are found by all.

The tenant comes from the key alone. No field of a request names one, so no text can widen what is searched.

Keys have the gateway's form and its checks (hash, constant time, expiry). The gateway's own `Authenticator` over Redis
can be given instead of a `KeyFile`: then one key opens both doors.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from reference.rag.types import PUBLIC, RagError
from reference.serving.gateway.errors import unavailable
from reference.serving.gateway.keys import ApiKey, Authenticator, new_key

_log = logging.getLogger(__name__)
_PREFIX = "rag"
_HEAD = f"{_PREFIX}:apikey:"


class KeyFileError(RagError):
    """The file of keys cannot be read or written; the message names it."""


class Keys(Protocol):
    """Checks the header of a request; the gateway's `Authenticator` is one."""

    async def check(self, authorization: str | None) -> ApiKey:
        """The record of a valid key. Raises GatewayError 401."""
        ...


def readable(tenant: str) -> tuple[str, ...]:
    """Tenants whose documents a key of `tenant` may find."""
    return tuple(sorted({tenant, PUBLIC}))


class KeyRing:
    """Keys in memory, kept in a file if one is given. The text of a key is stored nowhere.

    Args:
        file: JSON lines, readable by its owner only; read again when it changes, so that a key made or revoked by
            another process counts from the next request. It may be missing: then it is made by `create`.
        pepper: secret mixed into the hashes.

    Raises:
        KeyFileError: the file cannot be read.
    """

    def __init__(self, file: Path | None = None, pepper: str = "") -> None:
        self._file, self._pepper = file, pepper
        self._records: dict[str, ApiKey] = {}
        self._seen: tuple[int, int, int] | None = None
        self._refresh()
        gate: Any = _Gate(self._records)
        self._authenticator = Authenticator(gate, _PREFIX, pepper, fresh_s=0, stale_s=0)

    async def check(self, authorization: str | None) -> ApiKey:
        """The record of a valid key.

        Raises:
            GatewayError: 401, the same for every key that is not valid; 503 if the file was there and is gone or
                damaged now: what it would revoke is not known.
        """
        try:
            self._refresh()
        except KeyFileError as error:
            _log.error("keys cannot be checked: %s", error)
            raise unavailable("auth_unavailable", "Keys cannot be checked right now: the key file is gone.") from None
        return await self._authenticator.check(authorization)

    def create(self, tenant: str, expires_in_s: float | None = None) -> tuple[str, ApiKey]:
        """A new key: its text, to be shown once, and its record. Raises InvalidKeySpec for a bad tenant or time."""
        self._refresh()
        text, record = new_key(tenant, pepper=self._pepper, expires_in_s=expires_in_s)
        self._records[record.key_id] = record
        self._save()
        return text, record

    def revoke(self, key_id: str) -> bool:
        """Forgets a key; False if there was none."""
        self._refresh()
        found = self._records.pop(key_id, None) is not None
        if found:
            self._save()
        return found

    def records(self) -> list[ApiKey]:
        """All keys, oldest first, without their text."""
        return sorted(self._records.values(), key=lambda record: record.created_at)

    def _refresh(self) -> None:
        """Take the file's keys if it is another one than last time: one stat otherwise."""
        if self._file is None:
            return
        now = _signature(self._file)
        if now == self._seen:
            return
        if now is None:
            raise KeyFileError(f"{self._file}: was there and is gone; put it back, or restart without it")
        records = _read(self._file)
        self._records.clear()  # the authenticator holds this very dict
        self._records.update(records)
        self._seen = now

    def _save(self) -> None:
        if self._file is None:
            return
        lines = [json.dumps({"key_id": one.key_id, **one.mapping()}) for one in self.records()]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=".keys-")  # 0600
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write("".join(line + "\n" for line in lines))
            os.replace(name, self._file)
            self._seen = _signature(self._file)
        except OSError as error:
            raise KeyFileError(f"{self._file}: keys cannot be written ({error.strerror})") from error


class _Gate:
    """Stands where the authenticator expects Redis."""

    def __init__(self, records: dict[str, ApiKey]) -> None:
        self._records = records

    async def call(self, operation: Callable[[Any], Awaitable[Any]]) -> Any:
        return await operation(self)

    async def hgetall(self, name: str) -> dict[bytes, bytes]:
        record = self._records.get(name.removeprefix(_HEAD))
        return {} if record is None else {key.encode(): value.encode() for key, value in record.mapping().items()}


def _signature(file: Path) -> tuple[int, int, int] | None:
    """What tells one version of the file from the next; None where there is no file."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFileError(f"{file}: cannot be read ({error.strerror})") from error
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(file: Path) -> dict[str, ApiKey]:
    records = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        for line in lines:
            stored = json.loads(line)
            key_id = stored.pop("key_id")
            fields = {name.encode(): value.encode() for name, value in stored.items()}
            records[key_id] = ApiKey.from_mapping(key_id, fields)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise KeyFileError(
            f"{file}: is no file of keys ({type(error).__name__}); make one with `keys create`"
        ) from None
    return records
