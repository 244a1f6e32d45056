"""Photos and rows in any number, scored into files: here, in shares, on other machines.

Reading order: `streaming`, `files`; then, for more than one machine, `shards`, `merging` and
`cluster` (Dask).
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "streaming": ["Scored", "score", "scored_chunk", "stream"],
        "files": ["COLUMNS", "Bulk", "score_folder", "score_rows"],
        "shards": ["Shard"],
        "merging": ["Merged", "merge"],
        "cluster": ["connected", "in_order"],
    },
)
