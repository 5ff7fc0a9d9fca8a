"""Jobs: work that a client hands over and fetches later, run at least once with effects that happen once.

The queue library (taskiq on a Redis stream) carries job ids and nothing else. What a job is, who owns it, whether it
may run and what came of it live in `store`, changed by Lua scripts only, so that a message that is lost, doubled or
late does no harm: a job runs only if it can be claimed, and its result counts only from the holder of its lease.
"""
