"""Real data without a hub: archives and URLs, verified before they are opened, kept as Parquet."""

from socialai.data.fetching import fetch, fetch_member, fetch_members, unavailable, verify
from socialai.data.loaders import load
from socialai.data.registry import Entry, entries
from socialai.data.splits import deduplicate, normalise, split

__all__ = [
    "Entry",
    "deduplicate",
    "entries",
    "fetch",
    "fetch_member",
    "fetch_members",
    "load",
    "normalise",
    "split",
    "unavailable",
    "verify",
]
