"""Sizing core: units, shapes, rooflines, queues, prices, evidence, claims. Pure: no network, no torch, no vLLM."""
