"""Properties are about outcomes: how long one example takes on a busy machine is none of their business."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
