"""The mock interview of question 1: an LLM for a million users."""

from __future__ import annotations

from exercises.interviews.model import Criterion, FollowUp, Interview, Phase
from exercises.interviews.q1_design import BASE, PARAMETERS, design
from reference.sizing import magnitude

INTERVIEW = Interview(
    question="q1",
    title="An LLM for a million users",
    opening="We want a customer-support chatbot on a 70B model. A million people use it on a day, in conversations of "
    "several turns. The first token should come within half a second, and there is a monthly budget. Design the system "
    "that serves it.",
    parameters=PARAMETERS,
    design=design,
    prompts={
        Phase.CLARIFY: (
            "Ask me what you need; I answer in numbers where I have them.",
            "You asked for users. What do you need besides them to know the load of a GPU?",
            "For which requests exactly do I promise the half second?",
        ),
        Phase.ARCHITECTURE: (
            "Draw the way of one message from the browser to the GPU and back.",
            "Which of your boxes hold state, and what happens to a user when each of them dies?",
            "Where is a request refused, and what does the client see then?",
        ),
        Phase.DEEP_DIVE: (
            "Take one replica. How many requests does it serve, and what limits it?",
            "How many conversations fit beside the weights? Show me the sum.",
            "You have several caches. What does each of them save: the first token, the whole answer, or the bill?",
            "A conversation outgrows the context. What do you send?",
        ),
        Phase.SCALING: (
            "How many replicas, and at what price? Start from the load, not from the budget.",
            "When does your fleet grow, on which signal, and what do users feel until it has?",
            "Your number does not fit the budget. Which requirement gives?",
        ),
        Phase.OPERATIONS: (
            "What do you look at first when somebody says that the bot is slow today?",
            "Which alert fires before users notice, and what is done then?",
        ),
    },
    follow_ups=(
        FollowUp(
            Phase.CLARIFY,
            "People paste whole mails: prompts are half as long again as I said, and so is what must be fast. What "
            "does that do to one replica?",
            lambda p: {"prompt": p["prompt"] * 1.5, "slow_prompt": p["slow_prompt"] * 1.5},
            "one replica serves",
            "Says that a longer prompt costs twice: arithmetic before the first token, and KV memory for as long as "
            "the answer takes. Asks which limit binds before and after, instead of scaling everything by the factor.",
        ),
        FollowUp(
            Phase.ARCHITECTURE,
            "Marketing wants the user's name and the time at the very top of the system prompt.",
            lambda p: {"shared": 0},
            "first token of the promised prompt",
            "Sees that nothing behind the first different token is found in the prefix cache, so every request reads "
            "the system prompt again. Offers the mend at once: put what is personal behind what is shared.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "The half second shall hold for 99 of 100 messages, not for the usual one. The longest prompts are almost "
            "four times as long as the mean.",
            lambda p: {"slow_prompt": p["prompt"] * magnitude(BASE.prompt_high / BASE.prompt, "")},
            "first token of the promised prompt",
            "Knows that the time to read one prompt is arithmetic on one replica, and grows with its length: more "
            "replicas shorten the queue, not this. Names what does: more GPUs per replica, fewer bits, a shorter "
            "window, a cached prefix, or a promise that depends on the length.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "Answers shall give reasons and get twice as long.",
            lambda p: {"output": p["output"] * 2},
            "one replica serves",
            "Says that a request spends most of its time decoding, so the rate falls by a third to a half, while the "
            "first token hardly moves. Relates it to the bill.",
        ),
        FollowUp(
            Phase.SCALING,
            "Finance halves the budget.",
            lambda p: {"budget": p["budget"] / 2},
            "the budget covers",
            "Puts budget and bill side by side and names the factor that is missing. Picks levers whose size fits that "
            "factor (which model answers, how long answers are), and says what must be measured before a smaller model "
            "may answer.",
        ),
        FollowUp(
            Phase.SCALING,
            "A partner brings ten times the users. What scales along, and what breaks?",
            lambda p: {"users": p["users"] * 10},
            "replicas",
            "Scales the fleet almost in proportion (the spare does not), then leaves arithmetic: quotas and lead times "
            "for GPUs, one Redis, the logs, cold starts in a larger burst. Says which of them comes first.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "One of our three zones may fail in the busiest minute, and nobody shall notice.",
            lambda p: {"lost": 1 / 3},
            "replicas",
            "Two zones must carry everything, so each holds half of the load and the fleet grows by half of itself, "
            "not by a third. Says what it costs, and that shedding or the small model for some minutes is the cheaper "
            "answer if the product allows it.",
        ),
    ),
    rubric=(
        Criterion(
            "asks what decides the design", 2,
            "Asks for tokens in and out, the busiest minute, the percentile of the first token and whether every "
            "message needs the large model, and says why.",
            "Asks two of these.",
            "the questions, as asked",
        ),
        Criterion(
            "sizes for the peak", 3,
            "Goes from users to requests per second in the busiest minute, with the busy hours and the burst as "
            "factors of their own, and keeps head-room and a spare.",
            "Computes the mean of the day and multiplies by a factor without saying where it comes from.",
            "the peak with its factors and unit",
        ),
        Criterion(
            "knows what limits a replica", 3,
            "Computes weights, KV cache per token and the conversations that fit, names the other limits (arithmetic, "
            "bandwidth, slots, latency) and says which one binds.",
            "Computes whether the weights fit, and takes the rate of a replica as given.",
            "the limit that binds and the number behind it",
        ),
        Criterion(
            "the way of a request", 3,
            "A stateless gateway with limits, guards, session window and caches in an order that is argued for; a "
            "queue with a deadline; refusal at the door with a time to retry.",
            "The boxes are there, their order and failures are not.",
            "one pair of boxes and why they stand in this order",
        ),
        Criterion(
            "what caches are worth", 2,
            "Keeps apart what the prefix cache and the exact cache save (first token, whole answer, requests), and "
            "says on which share of the traffic.",
            "Quotes a hit rate or a speed-up without what it is a share of.",
            "the share and what it is of",
        ),
        Criterion(
            "budget against arithmetic", 3,
            "Computes the month from GPUs, price and hours, compares it with the budget, and gives up one requirement "
            "with its size and with what must be measured first.",
            "Computes a month; the gap is closed with discounts or words.",
            "the month, the gap and the lever",
        ),
        Criterion(
            "answers the changed question", 2,
            "Estimates the new figure before it is shown, right to within a third, by scaling what changes and only "
            "that.",
            "Gives the direction of the change and its reason.",
            "an estimate with its sum",
        ),
        Criterion(
            "running it", 2,
            "Watches what users feel (first token, time per token, errors, refusals) and what moves before it (queue, "
            "KV memory), each with a first reaction; knows how cold starts compare with bursts.",
            "Lists metrics without a limit or a reaction.",
            "one alert with its limit and its reaction",
        ),
    ),
)  # fmt: skip
