"""From requirements to ranked designs, each of which passed its own simulation or says by what it failed."""
