# %% [markdown]
# # Question 4: moderate one million posts a minute
#
# > *Design a system for real-time content moderation at social media scale (1M posts/minute).*
#
# Text, images, video and links in more than 50 languages; approve, reject or escalate; half a second for text, two for
# images, thirty for video; fewer than 0.1 % of the good posts removed, fewer than 1 % of the bad ones missed.
#
# **How it is judged.** Everybody draws three tiers and a review team. What tells candidates apart: do you notice that
# the error rates, the review share and the number of reviewers contradict each other, do you know how many labelled posts
# it takes to *claim* 0.1 %, and does your design survive a killed worker without losing or approving a post unseen?
#
# Every figure carries a badge. **DERIVED**: computed from named assumptions. **MEASURED**: taken in this very run, or
# in a recorded one that is named. **SIMULATED**: replayed by a program with measured, derived or stated times and
# probabilities. **CITED**: somebody else's, with source and date. Nothing is typed in by hand.
#
# No real slur appears anywhere: the hateful words of this corpus are invented.
#
# [All questions, study paths and where you stand](index.ipynb)

# %% tags=["parameters"]
suite_posts = 40  # posts per disguise in the evasion suite
lookalikes_n = 3000  # harmless posts that tempt a filter; fewer than 2,995 cannot show 0.1 %
stack_posts = 2500  # posts on which the costlier text model is compared
pictures_n = 150
replayed = 100_000  # posts sent through Redis at the rate of the question
drill_posts = 1200  # posts per week of the drift drill
judged = 10  # posts that the language model judges
review_copies = 8  # times eight posts in the review queue
judge_seconds = 900  # of the burst that hits the judges
simulated_seconds = 230

# %%
import dataclasses
import warnings

import numpy as np
import pandas as pd

from reference.sizing import magnitude, show
from reference.sizing.claims import claims
from reference.sizing.claims.q4 import Q4Assumptions, corrected_design_q4
from workbook.figures import q1_sizing, q4_running, q4_sizing
from workbook.values import record

warnings.simplefilter("ignore")  # prices older than 180 days and unlikely inputs are said where they are used
pd.set_option("display.max_colwidth", 200)

# %% [markdown]
# ## 1. Clarify (2 minutes)
#
# | ask | because |
# |---|---|
# | Is a million a minute the mean or the peak? | A goal in a final triples it; queues grow at once. |
# | What share of posts violates? | At one in 10,000 even 0.1 % false alarms outnumber the hits ten to one. |
# | 0.1 % and 1 % of what, measured by whom, on how many posts? | A rate without its sample size is a wish. |
# | How many reviewers are there, in which languages, in which shifts? | They, not GPUs, are the bill. |
# | What happens to a post while it waits? | Hold, or publish and take down: latency means two different things. |
# | Which laws, in which countries? | Policy must be data with dates, not code. |
# | Who may appeal, and to whom? | Not to the reviewer who removed the post. |

# %%
a = Q4Assumptions()
pd.DataFrame(
    [
        ("posts", f"{a.rate:,.0f} a second", "the question"),
        ("of which", ", ".join(f"{kind} {share:.0%}" for kind, share in a.kind_shares.items()), "the usual answer"),
        ("limits", f"text {show(a.text_limit)}, image {show(a.image_limit)}, video {show(a.video_limit)}", "the question"),
        ("a person looks at", f"{a.review_low:.0%} to {a.review_high:.0%} of all posts", "the usual answer"),
    ],
    columns=["assumption", "value", "where from"],
).style.hide(axis="index").set_properties(**{"text-align": "left"})  # fmt: skip

# %% [markdown]
# ## 2. Size it

# %% [markdown]
# ### 2.1 Who sees what
#
# A tier *sees* everything that the tiers before it left open, and *decides* only a part of it. Capacity must be bought
# for what it sees. The usual answer buys for what each tier decides.

# %%
from reference.sizing.claims.q4.design import funnel_q4, reviewers_by_share

stated = {"rules": a.rules_share, "models": a.models_share, "judge": a.judge_share, "people": a.review_low}
as_stated = funnel_q4(a, media_as_text=True)
record("seen_by_tier", as_stated.seen, evidence="DERIVED")
q4_sizing.funnel(as_stated, stated)

# %% [markdown]
# ### 2.2 Every figure of the usual answer, checked
#
# Two slips carry the whole design: *per minute taken for per second* in the review team, and a batch of five that turns
# 835 posts a second into 17 calls.

# %%
ledger = claims(4)
record("claims", {c.id: str(c.verdict) for c in ledger}, evidence="DERIVED")
print(q1_sizing.verdict_counts(ledger))
q1_sizing.claims_table(ledger)

# %% [markdown]
# ### 2.3 The corrected design and its bill

# %%
design = corrected_design_q4(a)
for plan in design.plans:
    record(f"month_{plan.name}", plan.machines_usd + plan.people_usd, unit="USD", evidence="DERIVED")
    print(plan)
q4_sizing.fleets(design)

# %% [markdown]
# ### 2.4 People are the scarce machine
#
# A review of thirty seconds is a service time like any other. Shares of a *million a minute* are many posts.

# %%
shares = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)
rows = reviewers_by_share(a, shares)
record("reviewers_on_shift", {f"{share:.2%}": staff.on_shift for share, staff in rows}, evidence="DERIVED")
record("affordable_review_share", design.affordable_review_share, evidence="DERIVED")
q4_sizing.reviewers(rows, a.stated_reviewers, (a.review_low, a.review_high))

# %% [markdown]
# ### 2.5 What 0.1 % means for the people whose posts are removed

# %%
from reference.sizing.error_rates import sample_for_bound, wrong_actions

wrong = wrong_actions(1e6, a.prevalence, a.fpr, a.fnr)
record("wrong_per_minute", {"removed": wrong.removed_wrongly, "missed": wrong.missed}, evidence="DERIVED")
record("clean_posts_for_0.1_percent", sample_for_bound(0.001), evidence="DERIVED")
print(
    f"per minute: {wrong.removed_wrongly:,.0f} good posts removed, {wrong.missed:,.0f} bad posts missed, at both targets"
)
print(f"to claim the targets at 95 %, with no error at all: {sample_for_bound(0.001):,} clean and "
      f"{sample_for_bound(0.01):,} violating labelled posts")  # fmt: skip
q4_sizing.precision_by_prevalence(a.fpr, a.fnr, {"assumed here": a.prevalence, "one in 10,000": 1e-4})

# %% [markdown]
# **What an interviewer should hear.** *Machines are cheap and nearly all of them look at video and images. The review
# share is what breaks: one per cent of such a stream needs a town of reviewers. So I ask which error rates
# and which review share can hold together, measure that curve, and say which target has to give.*

# %% [markdown]
# ## 3. High-level architecture
#
# ```mermaid
# flowchart LR
#   P[post] --> S[(stream, micro-batches)] --> R{tier 1: rules, links, known hashes}
#   R -- certain --> D[decision]
#   R -- open --> M{tier 2: text, image, video models, calibrated}
#   M -- above or below the band --> D
#   M -- inside the band --> J{tier 3: judge, off unless it is shown to help}
#   M -- language not validated --> H
#   J -- certain --> D
#   J -- cannot say, late --> H[review queue]
#   H --> W[people: double review on a sample] --> D
#   D --> L[(append-only log)] --> X[statement of reasons]
#   X --> A[appeal] --> O[another person]
#   W --> T[labels] --> N[retrain, shadow, gate]
# ```
#
# Not obvious from the boxes: a part that fails sends its posts to a person, never to "approve"; a decision is idempotent
# by post and tier, so that a message delivered twice decides once; and the log holds the versions of policy, rules and
# models, or nobody can say in March why something was removed in January.

# %% [markdown]
# ## 4. Deep dive, running (15 minutes)

# %% [markdown]
# ### 4.1 A corpus that may be shown
#
# Public sets of hateful posts cannot be redistributed with a notebook, and should not be printed in one. This corpus is
# made by code: invented words, `.example` hosts, many languages, harmless look-alikes, quotations and counter-speech. It is
# split *by template*: no sentence pattern of the held-out posts was trained on. (Loaders for Davidson and HateCheck are in
# `reference.moderation.corpus.datasets`; bring the files.)

# %%
from reference.moderation.corpus import benign_lookalikes, evasion_suite, splits

made = splits()
held_out = made.held_out
record("held_out", {"clean": sum(not r.violating for r in held_out), "violating": sum(r.violating for r in held_out)},
       evidence="MEASURED")  # fmt: skip
pd.DataFrame(
    [
        (name, sum(not r.violating for r in part), sum(r.violating for r in part), len({r.template for r in part}),
         len({r.language for r in part}), len({r.functionality for r in part}))
        for name, part in (("train", made.train), ("calibration", made.calibration), ("held out", held_out))
    ],
    columns=["split", "allowed", "violating", "templates", "languages", "functionalities"],
).style.hide(axis="index")  # fmt: skip

# %% [markdown]
# ### 4.2 Tier 1: rules in two views of the text
#
# A filter that reads bytes is beaten by one accent. So every text is read twice: as written (normalised), and *folded*
# (look-alike letters, digits for letters, separators, stretching, invisible characters undone). Folding damages other
# scripts, hence both views, always.

# %%
from reference.moderation.rules.ruleset import RuleSet
from reference.moderation.rules.screen import TextRules
from reference.moderation.types import Post

rules = TextRules(RuleSet.load())
disguised = ["zorgle", "ZORGLE", "z0rgl3", "z.o.r.g.l.e", "zooorrrgle", "zоrglе", "𝖟𝖔𝖗𝖌𝖑𝖊", "z​o​r​g​l​e", "привет, друзья"]
screened = rules.screen([Post(str(n), f"you {word}") for n, word in enumerate(disguised)])
pd.DataFrame(
    [(word, s.plain, s.folded, ", ".join(f"{f.rule} in the {f.view} view" for f in s.findings) or "nothing")
     for word, s in zip(disguised, screened, strict=True)],
    columns=["written", "plain view", "folded view", "found"],
).style.hide(axis="index").set_properties(**{"text-align": "left"})  # fmt: skip

# %% [markdown]
# **Disguises caught, and harmless posts left alone.** The second number is the one that users complain about: football
# clubs, surnames and buttons that contain a bad word.

# %%
from collections import defaultdict

from reference.moderation.evaluation.rates import claim_rate, interval
from reference.serving.experiments.measured import measured_here

suite = evasion_suite(suite_posts, seed=71)
caught = defaultdict(list)
for row, s in zip(suite, rules.screen([r.post for r in suite]), strict=True):
    caught[row.transform].append(any(f.category == row.category for f in s.findings))
by_transform = [
    {"name": name, "caught": np.mean(hits), "low": interval(sum(hits), len(hits))[0],
     "high": interval(sum(hits), len(hits))[1], "n": len(hits)}
    for name, hits in caught.items()
]  # fmt: skip
harmless = benign_lookalikes(lookalikes_n, seed=71)
flagged = sum(bool(s.findings) for s in rules.screen([r.post for r in harmless]))
look_claim = claim_rate("<", 0.001, flagged, len(harmless))
record("evasion_caught", float(np.mean([hit for hits in caught.values() for hit in hits])),
       evidence=measured_here("evasion_suite(seed=71)", len(suite), "exact 95 % intervals in the plot"))  # fmt: skip
record("lookalikes_flagged", {"flagged": flagged, "n": len(harmless), "upper": look_claim.upper}, evidence="MEASURED")
print(f"look-alikes flagged: {look_claim}")
q4_running.caught_by_transform(by_transform)

# %% [markdown]
# **How fast?** One core, ten thousand patterns. Cost is quoted in processor time, so it does not depend on who else uses
# this machine.

# %%
import time

from reference.moderation.corpus import replay_posts
from reference.moderation.rules.generate import generated_rules
from reference.moderation.text.language import identify
from reference.moderation.text.views import views

many = TextRules(RuleSet([*RuleSet.load().rules, *generated_rules(10_000)]))
stream = list(replay_posts(20_000, seed=5))
texts = [p.text for p in stream]


def per_core(call, items, size=1024, rounds=3):
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        for start in range(0, len(items), size):
            call(items[start : start + size])
        found.append(len(items) / (time.process_time() - begun))
    return sorted(found)[rounds // 2]


parts = [
    ("two views of the text", per_core(views, texts)),
    ("language identification", per_core(identify, texts)),
    ("tier 1 as a whole", per_core(many.screen, stream)),
]
record(
    "tier1_posts_per_core_second",
    parts[-1][1],
    evidence=measured_here("TextRules.screen, 10,000 patterns", 3, "median"),
)
q4_running.rates_plot(parts, a.rate, f"{a.rate:,.0f}/s: the question")

# %% [markdown]
# See the cores beside the bars. Anybody who proposes GPUs or a fleet for the rules has not measured them.
#
# A rule is data, and data can be wrong. Rules that would stop the world are refused when they are loaded, with the
# reason; a hot reload keeps the old rules until the new ones are good:

# %%
import tempfile
from pathlib import Path

from reference.moderation.types import ModerationError

attempts = {
    "too broad": '[[rule]]\nid = "broad"\ncategory = "spam"\nkind = "regex"\npatterns = ["e"]\n',
    "a slip of the key": '[[rule]]\nid = "slip"\ncategory = "spam"\nkind = "literal"\npattern = ["free coins"]\n',
    "not a regular expression that RE2 takes": '[[rule]]\nid = "back"\ncategory = "spam"\nkind = "regex"\npatterns = ["(a)\\\\1"]\n',
}
told = []
with tempfile.TemporaryDirectory() as place:
    for name, text in attempts.items():
        file = Path(place) / "rules.toml"
        file.write_text(text)
        try:
            RuleSet.load(file)
            told.append((name, "loaded"))
        except ModerationError as error:
            told.append((name, str(error).replace(place, "")))
pd.DataFrame(told, columns=["rule", "what its author is told"]).style.hide(axis="index").set_properties(
    **{"text-align": "left"}
)

# %% [markdown]
# **Links** are judged by what they say, never fetched: a moderation system that fetches links is a way into the network.

# %%
from reference.moderation.links.checks import LinkCheck

links = LinkCheck()
pd.DataFrame(
    [(url, "; ".join(f"{f.rule}: {f.detail}" for f in links.check([url])) or "nothing")
     for url in ("https://user:secret@bank.example/login", "http://2130706433/admin", "https://xn--pypal-4ve.example/",
                 "https://safe.example/out?url=http%3A%2F%2F10.0.0.8%2F", "https://news.example/story")],
    columns=["link", "found"],
).style.hide(axis="index").set_properties(**{"text-align": "left"})  # fmt: skip

# %% [markdown]
# ### 4.3 Images and video
#
# The pictures are made too: an invented forbidden symbol, a stand-in for a banned logo, QR codes whose hosts are or are
# not on a block list, and scenes without any of them. The classifier (a small one, trained by a script of this
# project) never saw the *kinds of scene* that it is tested on.

# %%
import io

from PIL import Image

from reference.moderation.images import synthetic
from reference.moderation.images.check import Images
from reference.moderation.images.classifier import ImageClassifier
from reference.moderation.types import Media

rng = np.random.default_rng(12)
samples = [synthetic.make(rng, "test") for _ in range(pictures_n)]


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


classifier = ImageClassifier.load()
said = classifier.probabilities([s.image for s in samples])
names = [label.name for label in classifier.spec.labels]
captions = []
for s, row in zip(samples[:6], said, strict=False):
    truth = ", ".join(name.split("_")[-1] for name in sorted(s.labels)) or "harmless"
    captions.append(
        (
            f"truth: {truth}\n" + " ".join(f"{n.split('_')[-1]} {p:.2f}" for n, p in zip(names, row, strict=True)),
            s.image,
        )
    )
q4_running.pictures(captions, columns=3)

# %%
card = classifier.spec.held_out
record("image_model_held_out", {name: row["auc"] for name, row in card.items()}, evidence="MEASURED")


def share_of(row):
    return f"{row['rate']:.1%} [{row['low']:.1%}, {row['high']:.1%}] of {row['of']:,}"


pd.DataFrame(
    [
        (name, f"{row['auc']:.3f}", share_of(row["false_positive_at_half"]), share_of(row["false_negative_at_half"]))
        for name, row in card.items()
    ],
    columns=["what (scenes never trained on; its training record)", "AUC", "false alarms at 0.5", "missed at 0.5"],
).style.hide(axis="index")

# %% [markdown]
# Read the false-positive column before you believe a demo: the ranking is fair and no threshold on it is fit to *reject*.
# The policy therefore lets this model escalate only. A real one is yours to bring (`WORKBOOK_IMAGE_MODEL`, ONNX).
#
# **Known images** are cheaper and surer than any classifier: a perceptual hash (PDQ) of the picture against a list. But
# one hash knows one picture. A mirror image is another one, so mirrors, turns and crops are hashed too:

# %%
from reference.moderation.images.hashes import KnownImages, pdq

kinds = sorted({kind for of in synthetic.SCENES.values() for kind in of})
scenes = [synthetic.scene(np.random.default_rng(7), kind, 360, 640) for kind in kinds]
scene = max(scenes, key=lambda pixels: pdq(pixels)[1])  # the one with most detail, as a photo would have


def bits(x, y):
    return int(sum(bin(int(p) ^ int(q)).count("1") for p, q in zip(x, y, strict=True)))


def jpeg(pixels, quality):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(out.getvalue())).convert("RGB"))


height, width = scene.shape[:2]
changes = {
    "JPEG quality 30": jpeg(scene, 30),
    "half the size": np.asarray(Image.fromarray(scene).resize((width // 2, height // 2))),
    "brighter": np.clip(scene.astype(int) + 40, 0, 255).astype("uint8"),
    "border of 10 %": np.pad(scene, ((height // 10,) * 2, (width // 10,) * 2, (0, 0)), constant_values=255),
    "middle 90 %": scene[height // 20 : -height // 20, width // 20 : -width // 20],
    "middle 80 %": scene[height // 10 : -height // 10, width // 10 : -width // 10],
    "mirrored": np.ascontiguousarray(scene[:, ::-1]),
    "turned a quarter": np.ascontiguousarray(np.rot90(scene)),
}
known = KnownImages(threshold=64)  # twice the usual one, to see how far away a change lies
known.add("picture-1", scene, "shown before")
lone, _ = pdq(scene)
distances = []
for name, changed in changes.items():
    match, alone = known.find(changed), bits(pdq(changed)[0], lone)
    distances.append((name, alone, match.distance if match else alone))
record("pdq_distance", {name: [one, helped] for name, one, helped in distances}, evidence="MEASURED")
q4_running.hash_distances(distances, 31)

# %% [markdown]
# Crops away from the middle and text written over the picture are still mostly missed; the recorded benchmark
# (`moderation_media`) says how often.
#
# **Video** is images with a bill. Looking at one frame a second is cheap and blind to a flash of a single frame:

# %%
import cv2

from reference.moderation.video.check import Videos

symbol = next(s.image for s in samples if "forbidden_symbol" in s.labels)
images = Images(classifier, known=KnownImages())
images.known.add("symbol-1", symbol, "forbidden symbol")
with tempfile.TemporaryDirectory() as place:
    path = f"{place}/clip.avi"
    size = (symbol.shape[1], symbol.shape[0])
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 30, size)
    calm = cv2.resize(synthetic.scene(np.random.default_rng(3), "gradient", 240, 320), size)
    for n in range(120):
        writer.write(cv2.cvtColor(symbol if n == 47 else calm, cv2.COLOR_RGB2BGR))
    writer.release()
    clip = Media("clip.avi", Path(path).read_bytes())
video_rows = []
for mode in ("sampled", "thorough"):
    begun = time.perf_counter()
    findings = Videos(images, mode=mode).check(clip)
    video_rows.append((mode, f"{1000 * (time.perf_counter() - begun):.0f}",
                       "found" if any(f.category == "known_image" for f in findings) else "missed"))  # fmt: skip
record("flash_found", {mode: result for mode, _, result in video_rows}, evidence="MEASURED")
pd.DataFrame(video_rows, columns=["frames looked at", "ms for a 4 s clip", "symbol in one frame of 120"]).style.hide(
    axis="index"
)

# %% [markdown]
# ### 4.4 Tier 2: models that know how sure they are
#
# A score is useful only if 0.9 means nine in ten. Both models are calibrated on posts that they were not trained on, and
# tested on templates that neither step has seen.

# %%
from reference.moderation.evaluation.escalation import by_group, choose_band, curve, feasible
from reference.moderation.evaluation.reliability import reliability
from reference.moderation.models import default_text_model


def scored(model, part):
    return model.score([r.post.text for r in part]).max(axis=1), np.array([r.violating for r in part])


tfidf = default_text_model("tfidf")
calibration_scores, held_scores = scored(tfidf, made.calibration), scored(tfidf, held_out)
models = {"TF-IDF": (calibration_scores, held_scores)}
if stack_posts:
    stack = default_text_model("stack")
    models["TF-IDF + MiniLM"] = (scored(stack, made.calibration[:stack_posts]), scored(stack, held_out[:stack_posts]))
fits = {name: reliability(*pair[1]) for name, pair in models.items()}
record("calibration_error", {name: fit.ece for name, fit in fits.items()},
       evidence=measured_here("reliability", len(held_out), "95 % interval printed"))  # fmt: skip
for name, fit in fits.items():
    print(f"{name}: expected calibration error {fit.ece:.3f} [{fit.low:.3f}, {fit.high:.3f}]")
q4_running.reliability_plot({name: fit.bins for name, fit in fits.items()})

# %% [markdown]
# **One AUC hides what fails.** The same model, by what a post does:

# %%
from sklearn.metrics import roc_auc_score

auc = {name: float(roc_auc_score(pair[1][1], pair[1][0])) for name, pair in models.items()}
record("auc_held_out", auc, evidence=measured_here("roc_auc_score", len(held_out), "one split by template"))
print(", ".join(f"{name}: AUC {value:.3f} on held-out templates" for name, value in auc.items()))
band = choose_band(*calibration_scores, a.fpr, a.fnr)
groups = by_group(*held_scores, [r.functionality for r in held_out], band)
worst = sorted(groups.items(), key=lambda g: -max(g[1].get("fpr_upper", 0), g[1].get("fnr_upper", 0)))
pd.DataFrame(
    [
        (name, f"{g['clean']:.0f}", f"{g['bad']:.0f}",
         f"{g['fpr']:.1%} (at most {g['fpr_upper']:.1%})" if "fpr" in g else "",
         f"{g['fnr']:.1%} (at most {g['fnr_upper']:.1%})" if "fnr" in g else "", f"{g['escalated']:.0%}")
        for name, g in worst[:12]
    ],
    columns=["functionality", "allowed", "violating", "wrongly rejected", "wrongly approved", "escalated"],
).style.hide(axis="index")  # fmt: skip

# %% [markdown]
# The same by disguise and by language (models only; tier 1 undoes most disguises before them), for the kinds with enough
# rows to say anything:

# %%
from reference.moderation.evaluation.rates import by_template

kinds_of = {
    "disguise": [r.transform or "as written" for r in held_out],
    "language": ["English" if r.language == "en" else "another" for r in held_out],
}
rows = []
for kind, names_of in kinds_of.items():
    found = by_group(*held_scores, names_of, band)
    rows += [
        (kind, name, f"{g['bad']:.0f}", f"{g['fnr']:.1%} (at most {g['fnr_upper']:.1%})", f"{g['escalated']:.0%}")
        for name, g in sorted(found.items(), key=lambda item: -item[1].get("fnr_upper", 0))
        if g["bad"] >= 20
    ]
held, truth = held_scores
for name, wrong, of in (
    ("wrongly rejected", held >= band.high, ~truth),
    ("wrongly approved", held < band.low, truth),
):
    low, high = by_template(wrong[of].tolist(), [r.template for r, one in zip(held_out, of, strict=True) if one])
    print(
        f"{name}: {wrong[of].mean():.2%} of the held-out posts; over new sentence patterns 95 % lies in [{low:.2%}, {high:.2%}]"
    )
pd.DataFrame(rows, columns=["by", "", "violating", "wrongly approved", "escalated"]).style.hide(axis="index")

# %% [markdown]
# Posts of one pattern resemble each other, so the interval over *patterns* is the wider, honest one: exact bounds over
# posts assume that tomorrow's posts use today's sentences.

# %% [markdown]
# ### 4.5 The curve that decides the design
#
# Two thresholds: below the lower one approve, above the upper one reject, between them a person. Ask for fewer errors and
# the band widens. Bounds, not point estimates; thresholds from calibration, figures from held-out templates.

# %%
curves = {
    name: [
        {"escalated": o.escalated, "fpr_high": o.fpr_upper, "fnr_high": o.fnr_upper}
        for o in curve(*pair, [(t / 5, 10 * t / 5) for t in (0.0005, 0.002, 0.01, 0.03, 0.1, 0.2)], a.prevalence)
    ]
    for name, pair in models.items()
}
verdict = feasible(calibration_scores, held_scores, a.fpr, a.fnr, a.review_high, a.prevalence)
record("targets_together", {"met": verdict.met, "share_needed": verdict.share_needed},
       evidence=measured_here("feasible", len(held_out), "exact 95 % bounds"))  # fmt: skip
print(f"all three targets together: {'met' if verdict.met else 'not met'}")
print(f"  false positives {verdict.fpr}")
print(f"  false negatives {verdict.fnr}")
print(
    f"  aiming at both takes {verdict.share_needed:.0%} of the posts to people; the question allows {a.review_high:.0%}"
)
if verdict.within_share:
    o = verdict.within_share
    print(
        f"  within {a.review_high:.0%}: at most {o.fpr_upper:.2%} wrongly rejected, at most {o.fnr_upper:.0%} wrongly approved"
    )
q4_running.escalation_curve(curves, (a.review_low, a.review_high))

# %%
measured = dataclasses.replace(
    a,
    tier1_posts_per_core_second=parts[-1][1],
    escalated_for_both_targets=verdict.share_needed,
    clean_test_posts=verdict.fpr.n,
    clean_test_errors=verdict.fpr.errors,
    violating_test_posts=verdict.fnr.n,
    violating_test_errors=verdict.fnr.errors,
)
before = {c.id: c for c in ledger}
again = [c for c in claims(4, {4: measured}) if c.computed != before[c.id].computed]
record("ledger_with_measured", {c.id: str(c.verdict) for c in again}, evidence="MEASURED")
print("The ledger again, with this run's own figures; what they change:")
for c in again:
    print(f"  {c.statement} {c.computed_text} instead of {before[c.id].computed_text}: {c.verdict}")

# %% [markdown]
# **Say this plainly in the interview.** With these models the three targets do not hold together. What would be needed: models several times better on the hard functionalities
# above, or a review share of tens of per cent, or different targets per category (strict where a miss is dangerous, loose
# where it is a nuisance).
#
# **Languages.** The models are validated for what the line below names; rules and routing cover more. The rest goes
# to people:

# %%
languages = sorted({r.language for r in held_out})
identified = [s.language == r.language for r, s in zip(held_out, rules.screen([r.post for r in held_out]), strict=True)]
elsewhere = [hit for r, hit in zip(held_out, identified, strict=True) if r.language != "en"]
record("language_id", {"languages": len(languages), "right": float(np.mean(identified)), "other_than_english": float(np.mean(elsewhere))},
       evidence=measured_here("identify", len(held_out), "short posts"))  # fmt: skip
print(f"{len(languages)} languages; named right: {np.mean(identified):.1%} of all, {np.mean(elsewhere):.1%} of the others "
      f"than English (n={len(elsewhere)}); models validated for: {', '.join(sorted(tfidf.languages))}")  # fmt: skip

# %% [markdown]
# ### 4.6 Tier 3: a language model, if it earns its place
#
# Posts inside the band could go to a language model, five per call. Two things must be shown first: that it is *better*
# than the models on exactly those posts, and that a post cannot talk its neighbours' verdicts around. The judge stays off
# until a paired test says that it helps; the 135M model here is not expected to.

# %%
from datetime import UTC, datetime

from reference.moderation.judge import JudgeCase, LLMJudge, worth_it
from reference.moderation.policy import PolicyBook
from reference.serving.engine import shared_engine

scores, violating = calibration_scores
inside = np.flatnonzero((scores >= band.low) & (scores < band.high))
chosen = inside[:: max(1, len(inside) // max(1, judged))][:judged]
per_category = tfidf.score([made.calibration[i].post.text for i in chosen])
cases = [
    JudgeCase(made.calibration[i].post, tfidf.categories[int(row.argmax())], bool(violating[i]), bool(scores[i] >= 0.5))
    for i, row in zip(chosen, per_category, strict=True)
]
in_force = PolicyBook.load().at(datetime.now(UTC), "")
told = {name: category.explanation for name, category in in_force.categories.items()}
engine = shared_engine()
begun = time.perf_counter()
shown = worth_it(LLMJudge.of_engine(engine, policies=told, policy_version=in_force.version), cases)
record("judge", {"outcome": str(shown.outcome), "answered": shown.answered, "n": shown.n, "use_it": shown.use_it},
       evidence=measured_here("worth_it", shown.n, f"exact p = {shown.p:.2g}"))  # fmt: skip
print(f"of {shown.n} posts inside the band it answered {shown.answered} in {time.perf_counter() - begun:.1f} s; right: judge "
      f"{shown.judge_right}, model {shown.model_right}; verdict: {shown.outcome}, so it is {'used' if shown.use_it else 'off'}")  # fmt: skip

# %% [markdown]
# What protects the other posts of a batch is not the prompt but the structure: every verdict carries a random tag of its
# own, two posts of the batch are canaries whose verdict is known, and a batch whose canaries come back wrong is judged
# again post by post.

# %% [markdown]
# ### 4.7 One post through all tiers, and why

# %%
from reference.moderation.pipeline import default_moderator
from reference.moderation.record import SqliteDecisionLog, statement_of
from reference.moderation.record.explain import sentences

folder = tempfile.TemporaryDirectory(prefix="workbook-q4-")
log = SqliteDecisionLog(Path(folder.name) / "decisions.db")
moderator = default_moderator(log=log)
now = datetime.now(UTC)
cheap = next(r.post for r in made.held_out if r.category == "counterfeit")
posts = {
    "an everyday post": Post("p1", "We walked along the canal and found the little bakery again.", posted_at=now),
    "a listed word, disguised": Post("p2", "you z0rgl3, leave this town", posted_at=now),
    "the word, quoted to complain": Post(
        "p3", 'He wrote "zorgle" under my picture. How do I report that?', posted_at=now
    ),
    "an offer": dataclasses.replace(cheap, id="p4", posted_at=now),
    "a football club": Post("p5", "Scunthorpe United play on Saturday, a classic.", posted_at=now),
    "a language the models do not know": Post("p6", "Kesho tutaenda sokoni pamoja na watoto.", posted_at=now),
    "a link into the network": Post("p7", "see http://127.0.0.1/admin", posted_at=now),
    "a damaged picture": Post("p8", "look", images=(Media("a.png", b"\x89PNG\r\n\x1a\nbroken"),), posted_at=now),
    "a picture with the symbol": Post("p9", "my holiday", images=(Media("b.png", png(symbol)),), posted_at=now),
    "half a character": Post("p10", "caf\udce9", posted_at=now),
}
posts = {name: dataclasses.replace(post, country="IE") for name, post in posts.items()}
decisions = moderator.decide(list(posts.values()))
record("pipeline", {name: str(d.action) for name, d in zip(posts, decisions, strict=True)}, evidence="MEASURED")
pd.DataFrame(
    [(name, str(d.action), d.category, int(d.tier), d.findings[0].detail if d.findings else "", ", ".join(d.missing))
     for name, d in zip(posts, decisions, strict=True)],
    columns=["post", "decision", "category", "tier", "first finding", "could not look"],
).style.hide(axis="index").set_properties(**{"text-align": "left"})  # fmt: skip

# %% [markdown]
# *Why was this removed, under which policy?* The log answers, and every removal yields a statement of reasons with the
# fields of the EU's transparency database, checked against its schema, without a word of the post itself:

# %%
removed = next((d for d in decisions if str(d.action) == "reject"), None)
if removed is not None:
    print("\n".join(sentences(removed.post_id, log.why(removed.post_id))))
    post = next(p for p in posts.values() if p.id == removed.post_id)
    policy = PolicyBook.load().at(now, post.country)
    print(statement_of(post, removed, policy).model_dump_json(indent=1, exclude_none=True))
record("statements", removed is not None, evidence="MEASURED")

# %% [markdown]
# ### 4.8 The stream: nothing lost, nothing decided twice
#
# Posts arrive at the rate of the question, on a fixed schedule, whether or not the system keeps up: producer, Redis
# Stream, two worker processes, decision log. Time runs from a post's own scheduled arrival to its committed decision.
# Then the same with one worker killed (`kill -9`) in the middle.

# %%
from reference.moderation.experiments.replay import made_posts, replay

to_send = made_posts(replayed)
runs = {"undisturbed": replay(to_send), "one of two workers killed": replay(to_send, kill_after=0.5)}
record("stream", {name: {"rate": r.rate, "p99_ms": r.p99_ms, "lost": r.lost, "duplicated": r.duplicated} for name, r in runs.items()},
       evidence=measured_here("replay", replayed, "one run each"))  # fmt: skip
pd.DataFrame(
    [
        (name, f"{r.posts:,}", f"{r.rate:,.0f}", f"{r.p50_ms:,.0f}", f"{r.p99_ms:,.0f}", f"{r.max_ms:,.0f}", r.lost, r.duplicated, r.redelivered,
         f"{r.peak_mb:,.0f}")
        for name, r in runs.items()
    ],
    columns=["run", "posts", "posts/s", "p50 ms", "p99 ms", "slowest ms", "lost", "decided twice", "delivered again", "peak memory MB"],
).style.hide(axis="index")  # fmt: skip

# %% [markdown]
# At-least-once delivery and a log that refuses a second decision of the same tier: together they are exactly once where
# it matters. The killed
# worker's posts wait until another claims them: they are few, so look at the slowest post, not at the percentile.

# %% [markdown]
# ### 4.9 People
#
# The queue hands out what is gravest and most seen first, but waiting counts too, so that nothing starves. Some posts go
# to two people who do not know of each other: their agreement is the ceiling for any model trained on them.

# %%
from reference.moderation.review import Item, Limits, QueueSettings, Reviewer, ReviewQueue
from reference.moderation.review.demo import demo_posts
from reference.moderation.review.page.serving import policy_categories
from reference.serving.redis_store import connect, private_redis

with private_redis() as server:
    clock = [1_000_000.0]
    no_limit = Limits(severe_per_hour=10**6, severe_per_shift=10**6, work_s=10**6)  # so that two people see all of it
    queue = ReviewQueue(
        connect(server.url),
        settings=QueueSettings(double_share=1.0, undo_s=0.0, limits=no_limit),
        clock=lambda: clock[0],
    )
    about = policy_categories(PolicyBook.load().at(now, ""))
    for copy in range(review_copies):
        for post, decision in demo_posts(about):
            name = f"{post.id}.{copy}"
            queue.put(dataclasses.replace(post, id=name, images=(), views=post.views * (copy + 1)),
                      dataclasses.replace(decision, post_id=name))  # fmt: skip
    order, rng = [], np.random.default_rng(1)
    for name in ("ana", "ben"):
        reader = Reviewer(name, frozenset({"en", "ar"}))
        while isinstance(item := queue.next(reader), Item):
            if name == "ana":
                order.append((item.post.id, item.decision.severity, item.post.views, item.decision.language))
            grave = item.decision.severity >= 3
            says = grave if rng.random() < 0.9 else not grave  # two simulated people who slip one time in ten
            queue.submit(reader, item.post.id, "reject" if says else "approve", item.decision.category if says else "")
            clock[0] += 30
        queue.settle()
    agreed = queue.agreement()
print(
    f"double review of {agreed.n} posts by two simulated reviewers: kappa {agreed.kappa:.2f} [{agreed.low:.2f}, {agreed.high:.2f}]"
)
record("kappa", {"kappa": agreed.kappa, "n": agreed.n}, evidence="SIMULATED")
pd.DataFrame(order[:10], columns=["first ten handed out", "severity", "views", "language"]).style.hide(axis="index")

# %% [markdown]
# `workbook review-queue --demo` opens the page that reviewers work with: keyboard first, media blurred, hidden characters
# shown, a limit on harmful posts per hour. Appeals have a queue of their own, whose first rule is that whoever decided
# before cannot decide again; overturned decisions come back as labels, and name the rule or model that erred.

# %% [markdown]
# ### 4.10 Tomorrow's slang
#
# In week three people begin to use words that no list and no model knows.

# %%
from reference.moderation.retraining.drill import drift_drill

with tempfile.TemporaryDirectory() as place:
    drill = drift_drill(Path(place), posts=drill_posts)
weeks = [w.number for w in drill.weeks]
record("drill", {"recall": [w.recall for w in drill.weeks], "verdicts": [w.verdict for w in drill.weeks]},
       evidence=measured_here("drift_drill", drill_posts * len(weeks), "one drill"))  # fmt: skip
for week in drill.weeks:
    if week.verdict:
        print(f"week {week.number}: {week.verdict}: {week.reason}")
print(f"rolled back to {drill.rolled_back_to}: loads and serves")
recall = {
    "all violating posts": [w.recall for w in drill.weeks],
    "posts with the new words": [w.recall_slang for w in drill.weeks],
}
q4_running.drift_plot(weeks, recall, drill.slang_from)

# %% [markdown]
# The gate compares old and new model on the same posts (McNemar's test) and can answer "not enough data". The drill is
# kind: labels are right and arrive within the week. Real ones are late and contested, so the dip lasts longer.

# %% [markdown]
# ## 5. Scaling and trade-offs (5 minutes)
#
# A million posts a minute through the corrected design, on an ordinary day and on three bad ones.

# %%
from reference.sizing.claims.q4.flow import burst, outage, simulated_service, viral
from reference.sizing.moderation_simulation import simulate_moderation

service = simulated_service(a)
days = {
    "burst: three times the posts": simulate_moderation(service, a.rate, simulated_seconds, events=(burst(),)),
    "tier 2 stops, posts wait": simulate_moderation(service, a.rate, simulated_seconds, events=(outage(),)),
    "tier 2 stops, late posts go to people": simulate_moderation(service, a.rate, simulated_seconds, events=(outage(),), policy="escalate"),
    "one post goes viral": simulate_moderation(service, a.rate, simulated_seconds, events=(viral(),)),
}  # fmt: skip
for name, run in days.items():
    record(
        f"p99_{name.split(':')[0].replace(' ', '_').replace(',', '')}",
        run.percentile(99),
        unit="second",
        evidence=run.evidence,
    )
print(f"SIMULATED; {days['one post goes viral'].validation}")
q4_sizing.bad_days(days, {"text": magnitude(a.text_limit, "s"), "video": magnitude(a.video_limit, "s")})

# %% [markdown]
# **The judges as what they are: batching engines.** Above, an LLM instance was one server of its mean rate. Here it is an
# engine with a batch, a prompt to read and a queue, and the posts come three times as fast for two minutes. More
# replicas are on their way after minutes; what happens to the posts until then is a decision.

# %%
from reference.sizing.claims.q4.judges import COLD_START_S, deadline, judge_days, judged_in_time
from workbook.figures import fleet as fleet_figures

judges = judge_days(a, seconds=judge_seconds)
for name, run in judges.items():
    record(f"judged_in_time_{name.split(',')[0].replace(' ', '_')}{'_shed' if 'sheds' in name else ''}",
           judged_in_time(run, deadline(a)), unit="share", evidence=run.evidence)  # fmt: skip
    print(f"{name}: {judged_in_time(run, deadline(a)):.0%} judged within {deadline(a):g} s, {run.shed:.0%} handed to people, "
          f"p99 of the judged {run.percentile('e2e', 99):.0f} s, ${run.usd:,.2f}")  # fmt: skip
print(
    f"SIMULATED; a new replica is ready after {COLD_START_S:g} s (assumed); {next(iter(judges.values())).evidence.validation}"
)
fleet_figures.burst_panels(judges, deadline(a))

# %% [markdown]
# The queue of a burst outlives it by `length x (factor - 1/u) / (1/u - 1)` at a utilisation u before it: a well-used fleet needs
# far longer than the burst to work it off. A scaler whose machines are ready after that helps the next burst, not this one. So
# bound the queue, say what happens to the rest (people, or "published, judged later" by category), and alert on it.

# %% [markdown]
# - **Wait or escalate.** When tier 2 is away, sending late posts to people keeps the deadline and buries the reviewers for
#   days. Hold what is not time-critical instead, and escalate only the grave categories.
# - **Cache.** A viral post is one decision and very many copies; see the last panel. Key the cache on content, policy and versions.
# - **Precision against prevalence.** Rare categories cannot be removed automatically at any false-positive rate that
#   you can show; they can be *ranked* for people.
# - **What breaks first** when traffic doubles: people, then video decoding. Rules and text do not notice.

# %% [markdown]
# ## 6. Monitoring and operations (3 minutes)
#
# | alert on | because | first reaction |
# |---|---|---|
# | share escalated, per language and category | drift, a broken model, or a new campaign | look at the last reload, then at new clusters |
# | overturn rate of one rule above 30 % (lower bound) | a rule that removes good posts | take that rule out: hot reload |
# | age of the oldest grave post in the queue | reviewers are short, or a lease is stuck | shift plan; raise the priority of the category |
# | kappa of double reviews falls | the policy text is unclear | rewrite the policy before retraining on its labels |
# | UNAVAILABLE or UNREADABLE findings | a part is down, or somebody probes decoders | part health; sample the files |
# | stream length over its bound | workers are behind; producers are being held | add workers; they need no coordination |
# | hash chain of the log does not verify | somebody edited history | stop, restore, investigate |

# %%
from reference.moderation.images.decoding import decode

log.close()
folder.cleanup()

bad = {
    "0 bytes": b"",
    "a bomb: 60,000 x 60,000 pixels claimed": png(np.zeros((4, 4, 3), "uint8"))[:16] + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00" + b"\x00" * 40,
    "a picture with a zip behind it": png(np.zeros((8, 8, 3), "uint8")) + b"PK\x03\x04" + b"\x00" * 30,
    "half a picture": png(symbol)[:-200],
}  # fmt: skip
told = []
for name, data in bad.items():
    try:
        decode(data)
        told.append((name, "decoded"))
    except ModerationError as error:
        told.append((name, str(error)))
pd.DataFrame(told, columns=["picture", "what happens: a person sees this reason"]).style.hide(
    axis="index"
).set_properties(**{"text-align": "left"})

# %% [markdown]
# ## 7. What interviewers ask next
#
# 1. *Your false-positive rate is 0.1 %. How do you know?* From enough clean posts without an error (2.5 has the number), drawn like the
#    traffic, and not from the templates you trained on. Otherwise you do not.
# 2. *Legal wants a category gone within an hour in one country.* An overlay of the policy with its own dates; decisions
#    keep the version that they were made under.
# 3. *The reviewers are drowning.* Show the curve of 4.5: which error rate buys how many of them, and which category
#    could tolerate a looser one.
# 4. *Why not send everything to a large language model?* Count its tokens at the stream's rate; the ledger has the
#    bill. Then ask what its bound is on *your* posts.
# 5. *Somebody claims a word is theirs to use.* Reclaimed use is a functionality of the test set, with its own error
#    rate; see the table in 4.4.

# %% [markdown]
# ## 8. Exercises
#
# The numbers are yours: another login (or `WORKBOOK_PERSON`) draws others, and `.again()` new ones. A check says right,
# which mistake the answer smells like, or not attempted; it never says the answer. `.hint()` gives hints in steps,
# `.solution()` the worked solution. `workbook progress` shows what to repeat, `workbook interview q4` asks you
# all of this aloud.

# %%
from exercises import practice

# %% [markdown]
# ### 8.1 Three tiers and a cache
#
# Taught in [2.1 Who sees what](q4_moderation.ipynb#cell-id=section-2-1).

# %%
tier_load = practice("q4-tier-load")
tier_load

# %%
tier_load.check(
    models_see=None,  # posts/s
    calls=None,  # calls/s
    instances=None,
)

# %% [markdown]
# ### 8.2 Agreement beyond chance
#
# Taught in [4.9 People](q4_moderation.ipynb#cell-id=section-4-9).

# %%
kappa_task = practice("q4-kappa")
kappa_task


# %%
def kappa(pairs: list[list[str]]) -> list:
    """[observed, kappa] of [[first reviewer's verdict, second reviewer's], ...]; any texts may be verdicts.

    observed: 0.0 to 1.0, 0.0 without pairs. kappa: at most 1.0, may be negative; None without pairs, and where both
    give one and the same verdict throughout.
    """
    raise NotImplementedError


kappa_task.check(kappa)

# %% [markdown]
# ### 8.3 From seconds to a payroll
#
# Taught in [2.4 People are the scarce machine](q4_moderation.ipynb#cell-id=section-2-4).

# %%
reviewers = practice("q4-reviewers")
reviewers

# %%
reviewers.check(
    busy=None,  # people
    on_shift=None,
    payroll=None,
)

# %% [markdown]
# ### 8.4 Who is hit by one in a thousand
#
# Taught in [2.5 What 0.1 % means for the people whose posts are removed](q4_moderation.ipynb#cell-id=section-2-5).

# %%
wrong_removals = practice("q4-wrong-removals")
wrong_removals

# %%
wrong_removals.check(
    wrongly_removed=None,  # posts
    missed=None,  # posts
    precision_percent=None,  # %
    needed_percent=None,  # %
)

# %% [markdown]
# ### 8.5 One step of this LLM tier is wrong
#
# Taught in [2.2 Every figure of the usual answer, checked](q4_moderation.ipynb#cell-id=section-2-2).

# %%
judge_review = practice("q4-judge-review")
judge_review

# %%
judge_review.check(
    wrong_step=None,
    calls=None,  # calls/s
    instances=None,
)

# %% [markdown]
# ### 8.6 The lowest threshold that keeps the promise
#
# Taught in [4.5 The curve that decides the design](q4_moderation.ipynb#cell-id=section-4-5).

# %%
safe_threshold_task = practice("q4-safe-threshold")
safe_threshold_task


# %%
def safe_threshold(
    scores: list[float], violating: list[bool], thresholds: list[float], limit: float
) -> list[float] | None:
    """[threshold, k, bound, caught] for the lowest threshold whose bound is at most `limit`; None if there is none.

    scores, violating: one per post, in the same order; posts of both sorts are there, up to 600 in all, and scores may
    be equal to each other and to a threshold. thresholds: in no particular order, at least one.
    k: posts that do not violate with a score of at least the threshold. bound: exact, one-sided, 95%; 1.0 if k is the
    number of all posts that do not violate. caught: share of the violating posts with such a score, 0.0 to 1.0.
    """
    raise NotImplementedError


safe_threshold_task.check(safe_threshold)

# %% [markdown]
# ### 8.7 What a test set lets you promise
#
# Taught in [2.5 What 0.1 % means for the people whose posts are removed](q4_moderation.ipynb#cell-id=section-2-5).

# %%
claim_review = practice("q4-claim-review")
claim_review

# %%
claim_review.check(
    wrong_step=None,
    removed_wrongly=None,  # posts
    precision_percent=None,  # %
)

# %% [markdown]
# ### 8.8 Nothing may be missed
#
# Taught in [7. What interviewers ask next](q4_moderation.ipynb#cell-id=section-7).

# %%
no_misses = practice("q4-no-misses")
no_misses

# %%
my_answer = """
"""
no_misses.check(my_answer)
