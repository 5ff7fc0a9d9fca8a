"use strict";
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  const theme = document.getElementById("wb-theme");
  const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("wb-theme", root.dataset.theme); } catch { /* not remembered */ }
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();

  const menu = document.getElementById("wb-menu");
  const nav = document.getElementById("wb-nav");
  const open = (wanted) => {
    root.classList.toggle("menu-open", wanted);
    menu.setAttribute("aria-expanded", String(wanted));
  };
  menu.addEventListener("click", () => open(menu.getAttribute("aria-expanded") !== "true"));
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && root.classList.contains("menu-open")) { open(false); menu.focus(); }
  });

  // The section that is being read: the last heading above the upper third of the window.
  const links = new Map();
  for (const link of nav.querySelectorAll(".wb-outline a")) {
    const heading = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (heading) links.set(heading, link);
  }
  let marked = null;
  const mark = () => {
    let current = null;
    for (const heading of links.keys()) {
      if (heading.getBoundingClientRect().top > innerHeight / 3) break;
      current = heading;
    }
    const link = links.get(current) || null;
    if (link === marked) return;
    if (marked) marked.removeAttribute("aria-current");
    if (link) {
      link.setAttribute("aria-current", "location");
      const box = nav.getBoundingClientRect(), at = link.getBoundingClientRect();
      if (at.top < box.top || at.bottom > box.bottom) nav.scrollTop += at.top - box.top - box.height / 3;
    }
    marked = link;
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();

  // What scrolls in itself can be scrolled by keyboard too.
  const reachable = () => {
    for (const box of document.querySelectorAll(".wb-scroll, .wb-code pre, .wb-stream, .wb-diagram")) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", reachable);
  addEventListener("load", reachable);
})();
