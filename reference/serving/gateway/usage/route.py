"""GET /v1/organization/usage/completions: the tenant of the key, and no other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from reference.serving.gateway import limits
from reference.serving.gateway.errors import GatewayError, unavailable
from reference.serving.gateway.store import RedisGone
from reference.serving.gateway.usage.report import Query, page

if TYPE_CHECKING:
    from reference.serving.gateway.services import Services


async def usage_page(request: Request) -> Response:
    """A page of usage. Counts as one request of the key.

    Raises:
        GatewayError: 400 a bad parameter; 401; 404 usage is not counted here; 429; 503 Redis is gone.
    """
    parts: Services = request.app.state.services
    key = await parts.auth.check(request.headers.get("authorization"))
    request.state.info.fields.update(tenant=key.tenant, key_id=key.key_id)
    if parts.meter is None:
        raise GatewayError(
            404, "usage_not_counted", "This gateway does not count usage; its operator sets GATEWAY_USAGE_ENABLED=true."
        )
    query = Query.parse(request.query_params.multi_items())
    rpm = key.rpm or parts.settings.default_rpm
    verdict = await parts.limiter.charge("requests", key.key_id, rpm, 1)
    if not verdict.allowed:
        parts.metrics.rate_limited.labels("requests").inc()
        raise limits.refuse("requests", verdict, 1)
    try:
        found = await page(query, key.tenant, parts.settings.key_prefix, parts.gate.call)
    except RedisGone:
        raise unavailable("usage_unavailable", "Usage cannot be read right now: its store is gone.") from None
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(data, 200, verdict.headers("requests"), media_type="application/json")
