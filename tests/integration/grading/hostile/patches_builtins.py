# ruff: noqa
"""Puts others in the place of builtins.

ends: ok | raised | ended the process
others: any
"""

import builtins

builtins.float = builtins.int = lambda *arguments: 1
builtins.isinstance = builtins.issubclass = lambda *arguments: True
builtins.type = lambda *arguments: float
builtins.len = lambda thing: 0
builtins.repr = builtins.str = lambda *arguments: "right"
builtins.hasattr = lambda *arguments: True
kv_kib_per_token = conversations = object()
