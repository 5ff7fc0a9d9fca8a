"""A GPU carries its rate times the planned share times the seconds of a month; a fraction of a GPU is a whole one. GPUs
are paid by the hour, busy or not, and people by the month. At par the hours cost what the API costs less the people."""

import math

tokens = texts * tokens_each
gpus = max(2, math.ceil(tokens / (tokens_per_s * utilisation * 730 * 3600)))
hosted_dollars = gpus * gpu_hour * 730 + ops
gpu_hour_at_par = (tokens * api_price / 1e6 - ops) / (gpus * 730)
