"""The steps of `scripts/setup_env.py`: standard library only, they run before anything is installed."""
