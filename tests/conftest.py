"""Settings that must stand before anything of transformers is imported."""

import os

# A hub that can't be reached is asked again and again before it is given up; no test needs it.
os.environ["HF_HUB_OFFLINE"] = "1"
