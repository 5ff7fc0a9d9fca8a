"""Waiting takes as long as the slowest agent. Processor time of all agents has to pass through the cores: the wall time
is the larger of one agent's time and all processor time over the cores. A day's work is the processor time that the
cores offer, less the share that stays idle, over what one change takes."""

processor_s = agents * work_s * cpu_share
wall_s = max(work_s, processor_s / cores)
changes_per_day = int(cores * utilisation * hours * 3600 / processor_s)
