"""What the service allows, and whom."""

from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Settings:
    """Safe by default: loopback only, CORS closed, everything bounded.

    Raises:
        ValueError: It would listen beyond this machine to anybody, or a limit is not positive.
    """

    host: str = "127.0.0.1"  # where to listen. Anything but loopback needs `key_sha256` or `open`.
    port: int = 8000  # which port
    origins: tuple[str, ...] = ()  # origins of pages that may read answers (CORS)
    # origin of the old simulator's page. It may read answers and call its three paths without a
    # key, which it cannot send.
    simulator_page: str = ""
    # hash of the API key that requests must carry in `X-API-Key`; "" asks for none
    key_sha256: str = field(default="", repr=False)
    open: bool = False  # listen elsewhere without a key
    body_bytes: int = 32_000_000  # largest body of a request
    pixels: int = 40_000_000  # most pixels of a photo
    rows: int = 1000  # most rows or photos in one request
    waiting: int = 64  # requests that may be under way; one more gets 429
    seconds: float = 30.0  # time a request may take before it gets 504

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not self.key_sha256 and not self.open:
            raise ValueError(
                f"listening on {self.host} needs an API key (workbench serve --new-key), or "
                "--open for everybody who can reach this machine"
            )
        names = ("body_bytes", "pixels", "rows", "waiting", "seconds")
        limits = {name: getattr(self, name) for name in names}
        if wrong := {name: value for name, value in limits.items() if not value > 0}:
            raise ValueError(f"limits must be positive, got {wrong}")
