"""The diff is paid for once per specialist: splitting the work into agents multiplies the input. The summary reads only
what they wrote. A month is working days, since nobody opens changes at the weekend's rate."""

tokens_in = instructions + lines * tokens_per_line
specialists = agents * (tokens_in * price_in + tokens_out * price_out) / 1e6
summary = ((instructions + agents * tokens_out) * price_in + tokens_out * price_out) / 1e6
dollars_per_change = specialists + summary
dollars_per_month = dollars_per_change * changes * 21
