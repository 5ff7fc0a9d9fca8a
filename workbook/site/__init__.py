"""The site of a run: every executed notebook, the claims ledger and a front, as static pages that need no network."""
