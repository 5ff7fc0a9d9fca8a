"""JupyterLab as the workbook starts it: its own workspace, a quiet terminal, a log file."""
