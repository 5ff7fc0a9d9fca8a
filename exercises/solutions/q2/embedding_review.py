"""Follow the units. Texts per second: all wordings of all queries. Texts per second and GPU: what it holds over how
long it holds it, which is where the usual answer reads "50 at a time" as "50 per second". GPUs: the first over the
second, of which only the allowed share counts. Then up, then the spare. The model is called once to write the
variations and once to answer. Redo each step from the line above: the one that does not come out is wrong."""

import math

texts = rate * (1 + variations)
each = slots / (embed_ms / 1000)
gpus = math.ceil(texts / (each * ceiling)) + 1
llm_calls = rate * 2

redone = [texts, each, said[0] / (said[1] * ceiling), math.ceil(said[2]) + 1, llm_calls]
wrong_step = next(str(n) for n, (one, other) in enumerate(zip(redone, said), 1) if not math.isclose(one, other))
