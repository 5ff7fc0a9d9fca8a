"use strict";
(() => {
  const form = document.getElementById("wb-filter");
  const count = document.getElementById("wb-count");
  const rows = Array.from(document.querySelectorAll("#wb-claims tbody tr"));
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const fields = ["question", "verdict", "evidence"];
  form.hidden = false;

  const show = () => {
    const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = fields.filter((name) => form[name].value);
    let shown = 0;
    for (const row of rows) {
      const fits = chosen.every((name) => row.dataset[name] === form[name].value)
        && words.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    count.value = `${shown} of ${rows.length} claims`;
  };
  const write = () => {
    const kept = new URLSearchParams();
    for (const name of [...fields, "text"]) if (form[name].value.trim()) kept.set(name, form[name].value.trim());
    try { history.replaceState(null, "", kept.size ? `#${kept}` : location.pathname + location.search); } catch { /* stays */ }
  };
  // A hash with "=" is a filter; any other leads to one claim, which must not be hidden.
  const read = () => {
    const hash = location.hash.slice(1);
    const wanted = new URLSearchParams(hash.includes("=") ? hash : "");
    for (const name of [...fields, "text"]) form[name].value = wanted.get(name) || "";
    for (const name of fields) if (form[name].selectedIndex < 0) form[name].value = "";
    show();
    if (hash && !hash.includes("=")) document.getElementById(decodeURIComponent(hash))?.scrollIntoView();
  };
  form.addEventListener("input", () => { show(); write(); });
  form.addEventListener("reset", () => setTimeout(() => { show(); write(); }));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", read);
  read();
})();
