"""For all tests."""

from hypothesis import settings

settings.register_profile("futago", deadline=None)  # a busy machine is no failure: tests never assert on speed
settings.load_profile("futago")
