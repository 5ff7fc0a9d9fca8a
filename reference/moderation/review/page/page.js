"use strict";
// Everything that came from an author is put on the page as text nodes; nothing here builds HTML from strings.
const by = (id) => document.getElementById(id);
const DIGITS = "1234567890";
let setup = null, item = null, last = null, busy = false, clear = false, timer = 0, poll = 0;

async function call(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", "x-review": "1" } };
  const response = await fetch(path, options);
  const said = await response.json().catch(() => ({ error: { message: "the server's answer cannot be read" } }));
  if (!response.ok) throw new Error(said.error?.message || response.statusText);
  return said;
}

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function runs(target, parts) {
  target.replaceChildren(...parts.map(([kind, text]) => {
    if (kind === "text") return document.createTextNode(text);
    const mark = element("span", text, "hidden-mark");
    mark.title = "a character that cannot be seen";
    return mark;
  }));
}

function say(text, error = false) {
  by("status").textContent = text;
  by("status").className = error ? "error" : "";
}

function minutes(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

function category(id) {
  const found = setup.categories.find((one) => one.id === id);
  return found ? found.title : id;
}

function showLoad(load, waiting) {
  const limits = setup.limits, box = by("wellbeing");
  box.textContent = `Harmful items: ${load.severe_hour} of ${limits.severe_per_hour} this hour, ` +
    `${load.severe_shift} of ${limits.severe_per_shift} this shift · ${minutes(load.working_s)} without a break`;
  box.className = load.severe_hour >= 0.8 * limits.severe_per_hour || load.severe_shift >= 0.8 * limits.severe_per_shift ||
    load.working_s >= 0.8 * limits.work_s ? "near" : "";
  by("waiting").textContent = `${waiting} waiting`;
}

function showMedia() {
  by("media").replaceChildren(...item.media.map((one, index) => {
    const figure = element("figure"), caption = element("figcaption");
    runs(caption, [["text", `${one.kind} `], ...one.name,
      ["text", one.kept ? (clear ? "" : " (blurred)") : " is too large to be kept here; escalate if it matters"]]);
    if (one.kept) {
      const image = element("img");
      image.alt = `${one.kind} ${index + 1} of the post, ${clear ? "shown" : "blurred"}`;
      image.src = `media?${new URLSearchParams({ post: item.post, index, kind: one.kind, clear })}`;
      image.addEventListener("error", () => image.replaceWith(element("p", "It cannot be decoded; escalate if it matters.", "warnings")));
      figure.append(image);
    }
    figure.append(caption);
    return figure;
  }));
  by("blur").hidden = !item.media.some((one) => one.kept);
  by("blur").lastChild.textContent = clear ? " Blur media" : " Show media";
}

function showItem() {
  clear = false;
  by("post").hidden = false;
  by("rest").hidden = true;
  const stage = { first: "", third: " · third opinion", lead: " · for a lead" }[item.stage];
  by("post-title").textContent = `Post ${item.post}`;
  by("meta").textContent = `${item.language}${item.country ? ` · ${item.country}` : ""} · severity ${item.severity} · ` +
    `${item.views.toLocaleString("en")} views · waited ${minutes(item.waited_s)}${stage}`;
  const warnings = [];
  if (!item.speaks) warnings.push("This post is in a language that you did not list: escalate or give it back (g) if unsure.");
  if (item.text_cut) warnings.push("The text was cut; you do not see all of it.");
  if (item.missing.length) warnings.push(`Did not look: ${item.missing.join(", ")}.`);
  by("warnings").textContent = warnings.join(" ");
  by("warnings").hidden = !warnings.length;
  runs(by("text"), item.text);
  by("text").lang = item.language === "und" ? "" : item.language;
  by("links").replaceChildren(...item.links.map((parts) => { const line = element("li"); runs(line, parts); return line; }));
  by("findings").replaceChildren(...item.findings.map((one) => {
    const line = element("li");
    line.append(element("b", `${category(one.category)} `), document.createTextNode(one.score < 1 ? one.score.toFixed(2) : ""));
    const detail = element("span"); runs(detail, one.detail);
    line.append(element("br"), detail, element("span", `tier ${one.tier}, ${one.detector}`, "source"));
    return line;
  }));
  by("policy").replaceChildren(...setup.categories.map((one, index) => {
    const line = element("li");
    if (item.findings.some((finding) => finding.category === one.id)) line.className = "named";
    line.append(element("kbd", DIGITS[index]), element("b", one.title), element("p", one.text));
    return line;
  }));
  by("versions").textContent = Object.entries(item.versions).map(([name, value]) => `${name} ${value}`).join(", ");
  by("escalate").hidden = item.stage === "lead";
  by("note").value = "";
  showMedia();
  by("main").focus();
  window.scrollTo(0, 0);
}

function showRest(rest) {
  item = null;
  by("post").hidden = true;
  by("rest").hidden = false;
  const until = new Date(rest.until * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  by("rest").textContent = {
    empty: "Nothing waits for you.",
    break: `Time for a break. The next post comes at ${until}.`,
    limit: `You have seen enough harmful items for now; milder ones come when there are some. More from ${until}.`,
  }[rest.why];
  poll = setTimeout(next, 3000);
}

function modes(choosing) {
  by("choose").hidden = !choosing;
  by("actions").hidden = choosing;
  if (choosing) {
    by("choose").replaceChildren(...setup.categories.map((one, index) => {
      const button = element("button");
      button.type = "button";
      button.append(element("kbd", DIGITS[index]), document.createTextNode(` ${one.title}`));
      button.addEventListener("click", () => decide("reject", one.id));
      return button;
    }));
    const back = element("button");
    back.type = "button";
    back.append(element("kbd", "Esc"), document.createTextNode(" Back"));
    back.addEventListener("click", () => modes(false));
    by("choose").append(back);
    say("Reject: which category?");
  } else if (by("status").textContent.startsWith("Reject:")) say("");
}

async function next() {
  clearTimeout(poll);
  try {
    const said = await call("next");
    showLoad(said.wellbeing, said.waiting);
    if (said.item) {
      item = said.item;
      showItem();
    } else showRest(said.rest);
    for (const button of by("actions").children) button.disabled = !item;
  } catch (error) {
    say(error.message, true);
    poll = setTimeout(next, 5000);
  }
}

function offerUndo(post, label) {
  clearInterval(timer);
  last = post;
  let left = setup.undo_s;
  by("undo").hidden = left <= 0;
  const tick = () => {
    say(left > 0 ? `${label} · counts in ${left} s` : label);
    if (left-- <= 0) { clearInterval(timer); last = null; by("undo").hidden = true; }
  };
  tick();
  timer = setInterval(tick, 1000);
}

async function decide(action, id = "") {
  if (!item || busy) return;
  busy = true;
  const done = item;
  try {
    await call("verdict", { post: done.post, action, category: id, note: by("note").value, stage: done.stage });
    modes(false);
    by("note-row").hidden = true;
    offerUndo(done.post, `${{ approve: "Approved", reject: "Rejected", escalate: "Escalated" }[action]}${id ? `: ${category(id)}` : ""}`);
    await next();
  } catch (error) {
    modes(false);
    say(error.message, true);
    await next();
  } finally { busy = false; }
}

async function undo() {
  if (!last || busy) return;
  busy = true;
  clearInterval(timer);
  by("undo").hidden = true;
  try {
    const { undone } = await call("undo", { post: last });
    say(undone ? "Undone." : "Too late to undo: the verdict counts.", !undone);
    last = null;
    await next();
  } catch (error) { say(error.message, true); } finally { busy = false; }
}

async function release() {
  if (!item || busy) return;
  busy = true;
  try { await call("release", {}); say("Given back."); } catch (error) { say(error.message, true); }
  item = null;
  by("post").hidden = true;
  by("rest").hidden = false;
  by("rest").textContent = "Given back. Press Enter for the next post.";
  busy = false;
}

function note() { by("note-row").hidden = false; by("note").focus(); }
function blur() { if (item && item.media.some((one) => one.kept)) { clear = !clear; showMedia(); } }
function help() { if (by("help").open) by("help").close(); else by("help").showModal(); }

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === by("note")) {
    if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); by("main").focus(); }
    return;
  }
  if (event.key === "?") { event.preventDefault(); help(); return; }
  if (by("help").open) return;
  const choosing = !by("choose").hidden;
  if (choosing && DIGITS.includes(event.key)) {
    const one = setup.categories[DIGITS.indexOf(event.key)];
    if (one) decide("reject", one.id);
  } else if (choosing && event.key === "Escape") modes(false);
  else if (event.key === "u") undo();
  else if (event.key === "Enter" && !item && !by("rest").hidden && event.target.tagName !== "BUTTON") next();
  else if (!choosing && item && !busy) {
    const action = { a: () => decide("approve"), r: () => modes(true), n: note, b: blur, g: release,
      e: () => { if (item.stage !== "lead") decide("escalate"); } }[event.key];
    if (action) { event.preventDefault(); action(); }
  }
});
for (const [id, action] of Object.entries({ approve: () => decide("approve"), reject: () => item && modes(true),
  escalate: () => decide("escalate"), "note-open": note, blur, undo, "help-open": help, "help-close": help }))
  by(id).addEventListener("click", action);

call("setup").then((said) => {
  setup = said;
  by("who").textContent = `${said.reviewer}${said.lead ? " (lead)" : ""}`;
  return next();
}).catch((error) => say(error.message, true));
