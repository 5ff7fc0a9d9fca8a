"""Fleets of engines, simulated: continuous batching, routing, scaling, failures, retries, regions, whole days."""
