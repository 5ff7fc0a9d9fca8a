"""Settings of the service, with one environment variable each: `RAG_` and the field's name in capitals."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from reference.rag.types import RagError
from reference.serving.env_settings import settings_from_env
from reference.serving.gateway.settings import Settings as GatewaySettings

ENV_PREFIX = "RAG_"


class ServiceSettingsError(RagError):
    """A setting is wrong; the message names the field, its environment variable and what is allowed."""


class ServiceSettings(BaseModel):
    """Settings of one service. Times in seconds unless the name says otherwise; sizes in bytes.

    What goes beyond loopback (`host`) needs a key file: a key that is printed at the start is for one machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # What is served
    index: str = Field("mine", description="name of the index, as `workbook ingest --name` made it")
    folder: Path | None = Field(None, description="folder of the index; wins over the name")
    writable: bool = Field(False, description="take PUT and DELETE of documents; nobody else may have the index open")
    llm: bool = Field(True, description="ask models where there are any; otherwise answers are quotations")

    # Batching
    max_batch: int = Field(16, ge=1, le=256)
    batch_wait_s: float = Field(0.003, ge=0, le=1, description="wait for a batch as large as the last one")
    max_queue: int = Field(256, ge=1, description="searches that may wait; more get 429")
    batch_workers: int = Field(1, ge=1, le=16, description="batches at the same time")

    # Time and size
    search_budget_s: float = Field(1.0, gt=0, description="budget of a search that names none")
    answer_budget_s: float = Field(30.0, gt=0, description="budget of an answer that names none")
    max_budget_s: float = Field(120.0, gt=0)
    grace_s: float = Field(10.0, gt=0, description="beyond its budget a request is given up with 504")
    max_answers: int = Field(16, ge=1, description="answers in work at once; more get 429")
    max_body_bytes: int = Field(65_536, ge=64, description="of questions")
    max_document_bytes: int = Field(20_000_000, ge=64)
    body_timeout_s: float = Field(15.0, gt=0)
    write_timeout_s: float = Field(20.0, gt=0, description="how long one write to a slow reader may take")
    max_open_requests: int = Field(2048, ge=1)

    # Keys, server
    keys_file: Path | None = Field(None, description="made by `python -m reference.rag.service keys`")
    key_pepper: str = Field("", description="secret mixed into the hashes of keys; the same for all replicas")
    host: str = "127.0.0.1"
    port: int = Field(8090, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: object) -> ServiceSettings:
        """Settings from `RAG_*` variables; `overrides` (not None) win.

        Raises:
            ServiceSettingsError: names the field, the variable and the rule it breaks; also an unknown variable.
        """
        environ = os.environ if environ is None else environ
        return settings_from_env(cls, ENV_PREFIX, environ, overrides, ServiceSettingsError)

    def http(self, max_body_bytes: int | None = None) -> GatewaySettings:
        """The limits in the form that the gateway's reading of bodies and its envelope take."""
        return GatewaySettings.model_validate(
            {
                "max_body_bytes": max_body_bytes or self.max_body_bytes,
                "body_timeout_s": self.body_timeout_s,
                "write_timeout_s": self.write_timeout_s,
                "max_open_requests": self.max_open_requests,
            }
        )
