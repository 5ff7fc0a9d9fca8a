"""Benchmarks: ``python -m benchmarks [name ...]`` measures on this machine and writes ``benchmarks/results/NAME.json``.

Timings belong here and not in the tests: a test must not fail by the clock.
"""
