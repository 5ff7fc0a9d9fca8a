"""Telling a client's server that a job has ended: signed, repeated until it answers, and never into our own network."""

from reference.serving.jobs.webhooks.deliver import Deliverer
from reference.serving.jobs.webhooks.signature import sign, verify

__all__ = ["Deliverer", "sign", "verify"]
