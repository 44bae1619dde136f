"""Real data without a hub: a registry of archives and URLs, verified before they are opened, cached as Parquet."""

from socialai.data.loaders import load
from socialai.data.registry import Entry, entries, fetch, fetch_member, unavailable, verify
from socialai.data.splits import deduplicate, normalise, split

__all__ = [
    "Entry",
    "deduplicate",
    "entries",
    "fetch",
    "fetch_member",
    "load",
    "normalise",
    "split",
    "unavailable",
    "verify",
]
