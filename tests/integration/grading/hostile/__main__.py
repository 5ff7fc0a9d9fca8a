"""Runs as another user: see `main`."""

from hostile import main

main()
