"""Shares of many photos for any scheduler, and their files joined again."""

import hashlib
import unicodedata
from typing import NamedTuple


class Shard(NamedTuple):
    """One of `count` equal shares of any photos, by their names: a photo stays in its share.

    Example:
        >>> shard = Shard.parse("3/16")
        >>> str(shard), sum(shard.has(f"{i}.png") for i in range(1600))
        ('3/16', 101)
    """

    number: int
    count: int

    @classmethod
    def parse(cls, word: str) -> "Shard":
        """Read "3/16".

        Raises:
            ValueError: It is no such word, or the number is not from 1 to the count.
        """
        number, _, count = word.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise ValueError(f"a shard must be a number and a count as 3/16, got {word!r}")
        return cls(int(number), int(count))

    def has(self, name: str) -> bool:
        """Whether the photo of this name, relative to its folder, is in the share."""
        digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
