"""Playing: the next part after a pause, in a thread, until the last one or until stopped."""

from collections.abc import Callable
from threading import Event, Thread


class Player:
    """Calls `step` again and again, with a pause before each; it waits for each to end."""

    def __init__(
        self, step: Callable[[], bool], seconds: float, ended: Callable[[], None]
    ) -> None:
        self._step, self._seconds, self._ended = step, seconds, ended
        self._stopped = Event()

    def start(self) -> None:
        """Play; what played before is stopped."""
        self.stop()
        self._stopped = Event()
        Thread(target=self._play, args=[self._stopped], daemon=True).start()

    def stop(self) -> None:
        """Play no further step."""
        self._stopped.set()

    def _play(self, stopped: Event) -> None:
        while not stopped.wait(self._seconds):
            if not self._step():
                stopped.set()
                self._ended()
