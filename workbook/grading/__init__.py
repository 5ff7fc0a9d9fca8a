"""Assignments: hand out variants, read what comes back however damaged, run it apart, mark it, tell everybody why."""
