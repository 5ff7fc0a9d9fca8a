document.documentElement.classList.add("js");
try {
  const chosen = localStorage.getItem("wb-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* a file system without storage: the system's mode */ }
