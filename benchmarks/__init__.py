"""Speed beside what one would otherwise use, on the same real texts: python -m benchmarks.NAME."""
