"""The machinery behind the seven answers: `sizing` computes, `serving` runs. Imports point down only."""
