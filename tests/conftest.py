"""Settings that must stand before torch or anything of transformers is imported."""

import os

# A hub that can't be reached is asked again and again before it is given up; no test needs it.
os.environ["HF_HUB_OFFLINE"] = "1"
# One thread a kernel, as `make test` has it: on a busy machine more of them wait for each other,
# thirty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
