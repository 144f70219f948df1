"""One outbox at work: its pump, and the threads that turn it. It must not know which outboxes there are, nor why."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from appliance.supervise import Supervised
from engine.pump import Pump


@dataclass(frozen=True, slots=True)
class Pumping:
    """A pump with a thread for each connection that its destination ever had; those that are too many are idle."""

    pump: Pump
    threads: list[Supervised] = field(default_factory=list)

    def widen(self, connections: int, is_stopping: Callable[[], bool]) -> None:
        """Have at least so many threads."""
        for worker in range(len(self.threads), connections):
            thread = Supervised(f"outbox {self.pump.outbox.name}", partial(self.pump.loop, worker))
            self.threads.append(thread)
            if not is_stopping():
                thread.start()

    @property
    def trouble(self) -> str:
        """What its destination, or else one of its threads, has to say; empty when all is well."""
        return self.pump.trouble or next((thread.trouble for thread in self.threads if thread.trouble), "")

    def stop(self) -> None:
        """Finish what is being sent, and end."""
        for thread in self.threads:
            thread.stop()
        self.pump.stop()

    def join(self, seconds: float) -> bool:
        """Wait for each thread's end, so long for each; whether all have come to it."""
        ended = [thread.join(seconds) for thread in self.threads]
        return all(ended)
