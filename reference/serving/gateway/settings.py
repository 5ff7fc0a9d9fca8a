"""Everything that can be set, with one environment variable each: `GATEWAY_` and the field's name in capitals."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reference.serving.env_settings import settings_from_env

ENV_PREFIX = "GATEWAY_"
# The limiter counts in whole microseconds: at more a minute, one unit would take none.
MOST_PER_MINUTE = 60_000_000


class SettingsError(ValueError):
    """A setting is wrong; the message names the field, its environment variable and what is allowed."""


class Settings(BaseModel):
    """Settings of one gateway. Times in seconds unless the name says otherwise; sizes in bytes; limits per API key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Engine
    engine_url: str = Field("http://127.0.0.1:8000/v1", pattern=r"^https?://[^/]+.*/v1/?$")
    engine_api_key: str = ""
    model: str = Field("", description="served model id; empty: the first one the engine lists")
    model_dir: Path | None = Field(None, description="folder with tokenizer.json and the chat template")
    model_version: str = Field("", description="part of the cache key; empty: a digest of the model folder")
    connect_timeout_s: float = Field(2.0, gt=0)
    stall_timeout_s: float = Field(60.0, gt=0, description="longest silence of the engine within one answer")
    max_retries: int = Field(2, ge=0, le=10, description="further tries before the first token; none after it")
    retry_backoff_s: float = Field(0.1, ge=0)
    breaker_failures: int = Field(3, ge=1, description="failures in a row that open the circuit")
    breaker_cooldown_s: float = Field(2.0, gt=0)
    poll_interval_s: float = Field(1.0, gt=0, description="how often the engine's health and queue are read")

    poll_timeout_s: float = Field(5.0, gt=0, description="a poll without answer; three in a row count as down")

    # Two tiers: a second engine for what a chooser thinks it can answer
    small_engine_url: str = Field("", pattern=r"^(https?://[^/]+.*/v1/?)?$", description="empty: one tier")
    small_engine_api_key: str = ""
    small_model: str = Field("", description="served model id of the second engine; empty: the first one it lists")
    small_model_version: str = Field("", description="part of the cache key; the small model has no folder to digest")
    auto_model: str = Field("auto", min_length=1, max_length=256, description="model name that asks for a choice")
    chooser_timeout_s: float = Field(1.0, gt=0, description="a later choice is none: the strong tier answers")

    # Redis; empty: REDIS_URL or the private server
    redis_url: str = ""
    redis_timeout_s: float = Field(1.0, gt=0)
    redis_retry_s: float = Field(1.0, gt=0, description="pause before Redis is tried again after a failure")
    key_prefix: str = Field("wb", pattern=r"^[A-Za-z0-9:_-]{1,32}$")

    # API keys
    key_pepper: str = Field("", description="secret mixed into the hashes of API keys; the same for all replicas")
    auth_fresh_s: float = Field(5.0, ge=0, description="how long a revoked key may still work")
    auth_stale_s: float = Field(300.0, ge=0, description="how long a known key works while Redis is gone")
    default_rpm: int = Field(600, ge=1, le=MOST_PER_MINUTE, description="requests per minute of a key that sets none")
    default_tpm: int = Field(200_000, ge=1, le=MOST_PER_MINUTE, description="tokens per minute of a key that sets none")

    # Sessions
    session_ttl_s: float = Field(1800.0, gt=0)
    session_wait_s: float = Field(30.0, ge=0, description="how long a turn waits for the session's running turn")
    session_lock_s: float = Field(10.0, gt=0, description="lease of the session lock; renewed while it is held")
    token_budget: int = Field(8192, ge=16, description="prompt plus answer; the model's own limit where smaller")
    window_turns: int = Field(20, ge=1, description="turns kept word for word; older ones go into the summary")
    fold_to: float = Field(0.6, gt=0, le=1, description="share of the prompt budget left after folding")
    summary_tokens: int = Field(160, ge=8)
    summary_timeout_s: float = Field(5.0, gt=0, description="how long a turn waits for the engine's summary")
    summariser: Literal["engine", "extractive"] = "engine"
    default_max_tokens: int = Field(256, ge=1, description="answer length where the request sets none")

    # Exact cache
    cache_enabled: bool = True
    cache_ttl_s: float = Field(3600.0, gt=0)
    cache_max_bytes: int = Field(262_144, ge=0, description="answers larger than this are not stored")
    flight_lock_s: float = Field(5.0, gt=0, description="lease of the generation lock; a dead leader frees it so soon")

    # Similar answers, where a store of them is plugged in
    similar_timeout_s: float = Field(0.5, gt=0, description="a later find is a miss")
    similar_ttl_s: float = Field(3600.0, gt=0)

    # Usage, counted by hour in Redis
    usage_enabled: bool = False
    usage_keep_days: int = Field(62, ge=1, le=3660)
    usage_features: int = Field(50, ge=1, le=10_000, description="features of a tenant in an hour; more count as other")
    usage_buffer: int = Field(10_000, ge=1, description="series held while Redis is gone; more are dropped and counted")

    # Limits
    max_body_bytes: int = Field(1_048_576, ge=64)
    body_timeout_s: float = Field(15.0, gt=0)
    max_messages: int = Field(256, ge=1)
    max_message_chars: int = Field(100_000, ge=1)
    max_choices: int = Field(4, ge=1)
    max_inflight: int = Field(64, ge=1, description="generations that this gateway runs at once")
    max_engine_queue: int = Field(32, ge=0, description="requests waiting in the engine at which new ones are shed")
    max_open_requests: int = Field(2048, ge=1)
    default_timeout_s: float = Field(120.0, gt=0)
    max_timeout_s: float = Field(600.0, gt=0)
    write_timeout_s: float = Field(20.0, gt=0, description="how long one write to a slow reader may take")
    max_answer_bytes: int = Field(4_194_304, ge=1024, description="largest answer held for a slow reader")

    # Guardrails, server
    guardrails: bool = True
    rag_tokens: int = Field(1024, ge=0, description="most tokens of retrieved passages in a prompt")
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.default_timeout_s > self.max_timeout_s:
            raise ValueError("default_timeout_s must not exceed max_timeout_s")
        if self.summary_tokens * 2 > self.token_budget:
            raise ValueError("summary_tokens must be at most half of token_budget")
        return self

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
        """Settings from `GATEWAY_*` variables; `overrides` (not None) win.

        Raises:
            SettingsError: names the field, the variable and the rule it breaks; also an unknown `GATEWAY_` variable.
        """
        environ = os.environ if environ is None else environ
        return settings_from_env(cls, ENV_PREFIX, environ, overrides, SettingsError)
