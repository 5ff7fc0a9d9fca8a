from hypothesis import settings

# A slow machine is no failure: examples are judged by their result, not by the clock.
settings.register_profile("no-clock", deadline=None)
settings.load_profile("no-clock")
