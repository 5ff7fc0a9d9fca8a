"""The notebook runner: `plan` checks, `run_steps` executes with papermill and reports. See `workbook run --help`."""
