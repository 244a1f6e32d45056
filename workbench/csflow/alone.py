"""What a training asks of the processes that it runs in; here there is only one."""

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

ANY = TypeVar("ANY")


class Alone:
    """A training in one process: the only rank. `ranks.Ranks` is its like among several.

    Every rank holds all features, draws the same order and noise, and computes its share of each
    batch; so the number of ranks changes nothing but the rounding.
    """

    rank, size = 0, 1
    device: str | None = None  # the detector's own

    def parallel(self, flow: "nn.Module") -> "nn.Module":
        """The flow, whose gradients become the mean of all ranks'."""
        return flow

    def share(self, items: Any) -> Any:  # noqa: ANN401
        """Those of a batch, or of all images, that are this rank's."""
        return items[self.rank :: self.size]

    def mean(self, values: "Tensor", count: int) -> "Tensor":
        """Of this share's values; the mean of that over the ranks is the mean of all `count`."""
        return values.mean()

    def sum(self, value: float) -> float:
        """Over the ranks."""
        return value

    def first(self, value: ANY) -> ANY:
        """What the first rank says, for all."""
        return value

    def wait(self) -> None:
        """Until all ranks are here."""


ALONE = Alone()
