"""What was used and what caches saved, by hour, tenant, key, model, tier and feature, counted in Redis and exported.

`records` says what is counted and where, `meter` counts without delaying anybody, `report` reads and groups, `route`
answers `GET /v1/organization/usage/completions`, and `python -m reference.serving.gateway.usage` exports a file.
"""
