"""Files of batches, in Redis: each belongs to a tenant and is gone after its time."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import redis.asyncio

    from reference.serving.modes.extension import ModesSettings

_DROP = "\\/\r\n\0"


@dataclass(frozen=True)
class File:
    """A stored file; `created` in Unix seconds."""

    id: str
    tenant: str
    name: str
    purpose: str
    size: int
    created: int

    def to_dict(self) -> dict[str, Any]:
        """As OpenAI's file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


class Files:
    """Files by id. `content` is kept apart from what is known of it."""

    def __init__(self, client: redis.asyncio.Redis, settings: ModesSettings) -> None:
        self._client, self._settings = client, settings

    def _key(self, file_id: str) -> str:
        return f"{self._settings.prefix}:file:{file_id}"

    async def put(self, tenant: str, name: str, purpose: str, content: bytes, file_id: str | None = None) -> File:
        """Stores a file. `file_id`: written again under the same id, it is the same file (after a crash)."""
        clean = "".join(char for char in name if char not in _DROP)[:200] or "file"
        file = File(file_id or f"file-{uuid.uuid4().hex}", tenant, clean, purpose, len(content), int(time.time()))
        key, ttl = self._key(file.id), int(self._settings.file_ttl_s)
        pipe = self._client.pipeline(transaction=True)
        meta = {"tenant": tenant, "name": clean, "purpose": purpose, "size": len(content), "created": file.created}
        pipe.hset(key, mapping=cast("Any", meta))
        pipe.expire(key, ttl)
        pipe.set(f"{key}:content", content, ex=ttl)
        await pipe.execute()
        return file

    async def get(self, file_id: str, tenant: str) -> File | None:
        """What is known of a file; None if there is none, or not of this tenant."""
        stored = cast("dict[bytes, bytes]", await cast("Any", self._client.hgetall(self._key(file_id))))
        if not stored or stored[b"tenant"].decode() != tenant:
            return None
        text = {name.decode(): value.decode() for name, value in stored.items()}
        return File(file_id, tenant, text["name"], text["purpose"], int(text["size"]), int(text["created"]))

    async def content(self, file: File) -> bytes:
        """The bytes of a file."""
        return cast("bytes", await self._client.get(f"{self._key(file.id)}:content")) or b""

    async def delete(self, file: File) -> None:
        """Removes a file."""
        await self._client.delete(self._key(file.id), f"{self._key(file.id)}:content")
