"""The planner on a terminal, as JSON and as a table of HTML."""
