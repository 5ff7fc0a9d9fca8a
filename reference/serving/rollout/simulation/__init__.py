"""Thousands of rollouts without an engine: how often each rule stops a good release and lets a bad one through."""
