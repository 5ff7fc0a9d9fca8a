"""Tests that stay valid however often one looks, and the planning of experiments with a fixed size."""
