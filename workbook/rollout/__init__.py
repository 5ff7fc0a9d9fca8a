"""What the subcommands of `workbook rollout` do."""
