"""Measurements that the notebooks run: each returns typed results, none draws, none asserts a verdict."""
