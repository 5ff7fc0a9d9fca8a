"""Tier 1: rules as data, the engine that matches them in two views of a text, and their hot reload."""
