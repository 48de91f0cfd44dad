"""Stories: the plain-text tables under ``stories/``, parsed and run as tests."""
