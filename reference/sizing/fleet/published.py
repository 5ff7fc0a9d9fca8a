"""Published figures of what arrives at language models: lengths, days, bursts, conversations, repeated prompts.

Each is somebody's measurement of a public trace or their own service, with its date and where it was read. A trace
says what one service saw: a plan for another one takes a range of them. What stands nowhere is not in here; the
modules that need it call their default "assumed". Quantiles are {percent: tokens}, ready for `Lengths.from_quantiles`.
"""

from __future__ import annotations

import datetime as dt

from reference.sizing import traffic
from reference.sizing.evidence import Cited, Figure


def _figure(value: object, name: str, source: str, date: dt.date, note: str) -> Figure:
    return Figure(value, Cited(source, date, note), name)


# Azure's week of May 2024 (16.8 million code and 27.3 million chat requests). The release has no table of its own;
# lengths, peaks and weekends were computed from the released files by others, and where two did they agree.
_AZURE_2024 = "Azure/AzurePublicDataset, LLM inference trace 2024 (CC-BY-4.0; DynamoLLM, arXiv 2408.00741)"
_AZURE_DATE = dt.date(2024, 5, 19)
_NOTEBOOK = "computed from the files in github ctdunlap32/data-center-flexibility-resource-adequacy, read 2026-11-29"
_SURVEY = "computed from the files by a public survey of serving traces of 2026-09-06, read 2026-11-29"
_BOTH = "computed from the files by two public re-analyses that agree, read 2026-11-29"

AZURE_2024_CHAT_PROMPT = _figure(
    {50: 928, 90: 3830, 99: 6683}, "prompt, chat 2024", _AZURE_2024, _AZURE_DATE, f"{_BOTH}; longest 7,999"
)
AZURE_2024_CHAT_PROMPT_QUARTILES = _figure(
    {25: 546, 75: 2357}, "prompt, chat 2024, quartiles", _AZURE_2024, _AZURE_DATE, _SURVEY
)
AZURE_2024_CHAT_PROMPT_MEAN = _figure(1632, "mean prompt, chat 2024", _AZURE_2024, _AZURE_DATE, _BOTH)
AZURE_2024_CHAT_OUTPUT = _figure(
    {50: 41, 90: 342, 95: 455, 99: 694}, "output, chat 2024", _AZURE_2024, _AZURE_DATE, f"{_NOTEBOOK}; longest 1,500"
)
AZURE_2024_CHAT_OUTPUT_MEAN = _figure(106, "mean output, chat 2024", _AZURE_2024, _AZURE_DATE, _BOTH)
AZURE_2024_CODE_PROMPT = _figure(
    {50: 1930, 90: 6251, 99: 7685}, "prompt, code 2024", _AZURE_2024, _AZURE_DATE, f"{_BOTH}; longest 7,743"
)
AZURE_2024_CODE_OUTPUT = _figure(
    {50: 8, 90: 43, 95: 79, 99: 271}, "output, code 2024", _AZURE_2024, _AZURE_DATE, f"{_NOTEBOOK}; longest 5,000"
)
AZURE_2024_CHAT_PEAK = _figure(1.32, "busiest hour of the day over mean, chat 2024", _AZURE_2024, _AZURE_DATE, _SURVEY)
AZURE_2024_CHAT_TROUGH = _figure(0.74, "quietest hour over mean, chat 2024", _AZURE_2024, _AZURE_DATE, _SURVEY)
AZURE_2024_CODE_PEAK = _figure(2.15, "busiest hour of the day over mean, code 2024", _AZURE_2024, _AZURE_DATE, _SURVEY)
AZURE_2024_CODE_TROUGH = _figure(0.24, "quietest hour over mean, code 2024", _AZURE_2024, _AZURE_DATE, _SURVEY)
AZURE_2024_CHAT_WEEKDAY_RATIO = _figure(
    2.0, "busiest over quietest hour of a weekday, chat 2024", _AZURE_2024, _AZURE_DATE, _NOTEBOOK
)
AZURE_2024_CODE_WEEKDAY_RATIO = _figure(
    10.0, "busiest over quietest hour of a weekday, code 2024", _AZURE_2024, _AZURE_DATE, _NOTEBOOK
)
AZURE_2024_CHAT_WEEKEND = _figure(
    0.568, "weekend over weekday, chat 2024", _AZURE_2024, _AZURE_DATE, f"{_NOTEBOOK}: 43.2 % less"
)
AZURE_2024_CODE_WEEKEND = _figure(
    0.319, "weekend over weekday, code 2024", _AZURE_2024, _AZURE_DATE, f"{_NOTEBOOK}: 68.1 % less"
)
AZURE_2024_CHAT_CV = _figure(
    1.64, "cv of gaps within 5 minutes, median, chat 2024", _AZURE_2024, _AZURE_DATE, f"{_SURVEY}; 1 is Poisson"
)
AZURE_2024_CODE_CV = _figure(
    1.15, "cv of gaps within 5 minutes, median, code 2024", _AZURE_2024, _AZURE_DATE, f"{_SURVEY}; 1 is Poisson"
)
AZURE_2024_CHAT_DISPERSION = _figure(
    {1: 1.58, 5: 3.36, 10: 5.53, 60: 17.28}, "variance over mean of counts in windows of so many seconds, chat 2024",
    _AZURE_2024, _AZURE_DATE, f"{_SURVEY}; hour of 2024-05-16 14:00 UTC at 69.2 requests/s; 1 is Poisson",
)  # fmt: skip

# BurstGPT's third file: 110 days of one Azure OpenAI region, 233,617 requests of conversations with session ids.
_BURSTGPT = "BurstGPT, arXiv 2401.17644, BurstGPT_3.csv (CC-BY-4.0), conversation log"
_BURSTGPT_DATE = dt.date(2025, 5, 26)
BURSTGPT_CHAT_PROMPT = _figure(
    {50: 517, 90: 2354, 99: 5630}, "prompt with history, BurstGPT chat", _BURSTGPT, _BURSTGPT_DATE, _SURVEY
)
BURSTGPT_CHAT_OUTPUT = _figure(
    {50: 187, 90: 669, 99: 1067}, "output, BurstGPT chat", _BURSTGPT, _BURSTGPT_DATE, _SURVEY
)
BURSTGPT_TURNS_MEAN = _figure(4.18, "turns per conversation, mean, BurstGPT", _BURSTGPT, _BURSTGPT_DATE, _SURVEY)
BURSTGPT_TURNS = _figure(
    {50: 2, 75: 4, 90: 9, 99: 31}, "turns per conversation, BurstGPT", _BURSTGPT, _BURSTGPT_DATE,
    f"{_SURVEY}; 35.5 % have one turn",
)  # fmt: skip
BURSTGPT_THINK = _figure(
    {10: 20, 25: 42, 50: 131, 75: 533, 90: 2340}, "seconds between turns, BurstGPT", _BURSTGPT, _BURSTGPT_DATE, _SURVEY
)
BURSTGPT_THINK_SIGMA = _figure(
    1.96, "sigma of the lognormal of seconds between turns, BurstGPT", _BURSTGPT, _BURSTGPT_DATE,
    f"{_SURVEY}; their fit has its median at 178 s, the data at 131 s",
)  # fmt: skip
BURSTGPT_THINK_WITHIN_HOUR = _figure(
    0.924, "share of gaps between turns below an hour, BurstGPT", _BURSTGPT, _BURSTGPT_DATE, _SURVEY
)
BURSTGPT_FIRST_PROMPT_MEAN = _figure(170, "mean prompt of a first turn, BurstGPT", _BURSTGPT, _BURSTGPT_DATE, _SURVEY)
BURSTGPT_CHAT_PEAK = _figure(2.36, "busiest hour over mean, BurstGPT chat", _BURSTGPT, _BURSTGPT_DATE, _SURVEY)
BURSTGPT_CHAT_CV = _figure(
    0.92, "cv of gaps within 5 minutes, median, BurstGPT chat", _BURSTGPT, _BURSTGPT_DATE, _SURVEY
)
BURSTGPT_GAMMA_SHAPE = _figure(
    0.5, "shape of the gamma gaps of the paper's load tests", "BurstGPT, arXiv 2401.17644", _BURSTGPT_DATE,
    "as quoted by that survey, read 2026-11-29; a cv of 1 / sqrt(0.5) = 1.41",
)  # fmt: skip

# Kimi's traces: one hour each, blocks of 512 tokens with hashes, so that repeated prompts show.
_MOONCAKE = "Mooncake, arXiv 2407.00079"
_MOONCAKE_FAST = "Mooncake, FAST 2025, traces in github kvcache-ai/Mooncake FAST25-release"
_MOONCAKE_DATE = dt.date(2025, 2, 25)
MOONCAKE_PROMPT_MEAN = _figure(
    7590, "mean prompt, Kimi 2024", _MOONCAKE, dt.date(2024, 7, 9), "text of section 4.2, read 2026-11-29"
)
MOONCAKE_OUTPUT_MEAN = _figure(
    182, "mean output, Kimi 2024", _MOONCAKE, dt.date(2024, 7, 9), "text of section 4.2, read 2026-11-29"
)
MOONCAKE_REPEATED = _figure(
    0.50, "share of blocks found in a cache of 50,000 blocks", _MOONCAKE, dt.date(2024, 7, 9),
    "text of section 4.2, read 2026-11-29: 30 % at 1,000 blocks, hardly more beyond 50,000",
)  # fmt: skip
MOONCAKE_CHAT_PROMPT = _figure(
    {50: 6909, 90: 27367, 99: 85401}, "prompt, Kimi conversation", _MOONCAKE_FAST, _MOONCAKE_DATE, _SURVEY
)
MOONCAKE_CHAT_OUTPUT = _figure(
    {50: 350, 90: 597, 99: 1120}, "output, Kimi conversation", _MOONCAKE_FAST, _MOONCAKE_DATE, _SURVEY
)
MOONCAKE_AGENT_PROMPT = _figure(
    {50: 6346, 90: 16810, 99: 61671}, "prompt, Kimi tools and agents", _MOONCAKE_FAST, _MOONCAKE_DATE, _SURVEY
)
MOONCAKE_AGENT_OUTPUT = _figure(
    {50: 30, 90: 507, 99: 898}, "output, Kimi tools and agents", _MOONCAKE_FAST, _MOONCAKE_DATE, _SURVEY
)
MOONCAKE_CHAT_REPEATED = _figure(
    0.366, "share of prompt tokens seen before, Kimi conversation", _MOONCAKE_FAST, _MOONCAKE_DATE, _SURVEY
)
MOONCAKE_AGENT_REPEATED = _figure(
    0.553, "share of prompt tokens seen before, Kimi tools and agents", _MOONCAKE_FAST, _MOONCAKE_DATE, _SURVEY
)

# Conversations whose texts were published; no load, so turns and lengths only.
_QUOTED = "as quoted by a public survey of serving traces of 2026-09-06, read 2026-11-29"
LMSYS_TURNS_MEAN = _figure(
    2.0, "turns per conversation, mean, LMSYS-Chat-1M", "LMSYS-Chat-1M, arXiv 2309.11998", dt.date(2023, 9, 21),
    f"{_QUOTED}; 2.01 in the table of arXiv 2406.08464",
)  # fmt: skip
LMSYS_PROMPT_MEAN = _figure(
    69.5, "mean text of a user's turn, LMSYS-Chat-1M", "LMSYS-Chat-1M, arXiv 2309.11998", dt.date(2023, 9, 21), _QUOTED
)
LMSYS_OUTPUT_MEAN = _figure(
    214.5, "mean answer, LMSYS-Chat-1M", "LMSYS-Chat-1M, arXiv 2309.11998", dt.date(2023, 9, 21), _QUOTED
)
WILDCHAT_TURNS_MEAN = _figure(
    2.52, "turns per conversation, mean, WildChat", "WildChat, arXiv 2405.01470", dt.date(2024, 5, 2),
    f"table of arXiv 2406.08464 and {_QUOTED}",
)  # fmt: skip
SHAREGPT_TURNS_MEAN = _figure(
    3.51, "turns per conversation, mean, ShareGPT", "ShareGPT, 94,145 conversations", dt.date(2025, 12, 19),
    "table of arXiv 2512.17843v2, read 2026-11-29; 4.79 in the cut of arXiv 2406.08464",
)  # fmt: skip
SERVEGEN_TURNS_MEAN = _figure(
    3.5, "turns of conversations with several, ServeGen reasoning", "ServeGen, arXiv 2505.09999", dt.date(2025, 5, 15),
    f"{_QUOTED}; 188,986 of 1,964,415 requests belong to them",
)  # fmt: skip
SERVEGEN_THINK = _figure(
    100, "seconds between turns that gaps concentrate around, ServeGen", "ServeGen, arXiv 2505.09999",
    dt.date(2025, 5, 15), _QUOTED,
)  # fmt: skip
DEEPSEEK_REPEATED = _figure(
    0.563, "share of input tokens found in the cache, DeepSeek, 24 hours",
    "DeepSeek-V3/R1 inference system overview, github deepseek-ai/open-infra-index day 6", dt.date(2025, 3, 1),
    f"{_QUOTED}: 342 of 608 billion tokens, web, app and API together",
)  # fmt: skip
ALIYUN_REPEATED = _figure(
    (0.54, 0.62), "share of tokens an unlimited cache finds, Aliyun's two traces",
    "KVCache Cache in the Wild, arXiv 2506.02634, USENIX ATC 2025", dt.date(2025, 6, 3),
    f"{_QUOTED}; a summary of the paper gives the same two; which is the consumer's was not seen",
)  # fmt: skip


def figures() -> dict[str, Figure]:
    """Constant's name -> figure, of this module and of Azure's traces of 2023 in `reference.sizing.traffic`."""
    found = {name: value for name, value in globals().items() if isinstance(value, Figure)}
    return found | {name: value for name, value in vars(traffic).items() if isinstance(value, Figure)}
