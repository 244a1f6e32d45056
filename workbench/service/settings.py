"""What the service allows, and whom."""

from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Settings:
    """Safe by default: loopback only, CORS closed, everything bounded.

    Attributes:
        host: Where to listen. Anything but loopback needs `key_sha256` or `open`.
        port: Which port.
        origins: Origins of pages that may read answers (CORS).
        simulator_page: Origin of the old simulator's page. It may read answers and call its three
            paths without a key, which it cannot send.
        key_sha256: Hash of the API key that requests must carry in `X-API-Key`; "" asks for none.
        open: Listen elsewhere without a key.
        body_bytes: Largest body of a request.
        pixels: Most pixels of a photo.
        rows: Most rows or photos in one request.
        waiting: Requests that may be under way; one more gets 429.
        seconds: Time a request may take before it gets 504.

    Raises:
        ValueError: It would listen beyond this machine to anybody, or a limit is not positive.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    origins: tuple[str, ...] = ()
    simulator_page: str = ""
    key_sha256: str = field(default="", repr=False)
    open: bool = False
    body_bytes: int = 32_000_000
    pixels: int = 40_000_000
    rows: int = 1000
    waiting: int = 64
    seconds: float = 30.0

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
