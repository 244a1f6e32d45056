"""What every evaluation says: a score held against a threshold."""


class Judgement:
    """Verdict of a `score` and a `threshold`, which the evaluations bring as fields."""

    score: float
    threshold: float

    @property
    def is_anomaly(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold

    @property
    def verdict(self) -> str:
        """Either "OK" or "NG"."""
        return "NG" if self.is_anomaly else "OK"
