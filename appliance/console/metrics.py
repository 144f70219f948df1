"""What Prometheus asks for: /metrics, in its text format (0.0.4). Counts and names of destinations, no patients."""

import ipaddress
from importlib.metadata import version

from appliance.console.api import ApiHandler
from appliance.console.context import Context
from appliance.console.roles import Role
from engine.spool import Spool
from engine.step import HOLD

_HELP = {
    "stellwerk_up": "Whether the appliance runs and answers",
    "stellwerk_info": "The version that runs",
    "stellwerk_start_seconds": "When it was started",
    "stellwerk_trouble": "What is in trouble",
    "stellwerk_waiting": "Objects in an outbox, by what they wait for",
    "stellwerk_held": "Objects that wait for a person",
    "stellwerk_in_hand": "Objects that are just being sent",
    "stellwerk_paused": "Whether a person has paused a destination",
}


class Metrics(ApiHandler):
    """For this machine itself without a token, for others with one."""

    async def get(self) -> None:
        """All of them."""
        local = bool(self.address) and ipaddress.ip_address(self.address).is_loopback
        if not local or "Authorization" in self.request.headers:
            self.let_in(Role.VIEWER)
        text = await self.aside(lambda: measured(self.context))
        self.answer(text.encode(), "text/plain; version=0.0.4; charset=utf-8")


def measured(context: Context) -> str:
    """The text."""
    state = context.running.state()
    lines: dict[str, list[str]] = {name: [] for name in _HELP}

    def add(metric: str, value: float, **labels: str) -> None:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines[metric].append(f"{metric}{{{inner}}} {value:g}" if inner else f"{metric} {value:g}")

    add("stellwerk_up", state.is_running)
    add("stellwerk_info", 1, version=version("stellwerk"))
    if state.is_running:
        lines["stellwerk_start_seconds"].append(f"stellwerk_start_seconds {state.data['since']:.0f}")
        for trouble in state.data["troubles"]:
            add("stellwerk_trouble", 1, name=trouble["name"])
        for pump in state.data["pumps"]:
            add("stellwerk_in_hand", pump["in_hand"], outbox=pump["name"])
            add("stellwerk_paused", pump["paused_since"] is not None, outbox=pump["name"])
    if context.settings.spool.is_dir():
        spool = Spool(context.settings.spool)
        for name in spool.outboxes():
            counts = spool.outbox(name).count()
            if name == HOLD:
                add("stellwerk_held", sum(counts.values()))
                continue
            for stage, count in counts.items():
                add("stellwerk_waiting", count, outbox=name, stage=stage)
    return "".join(
        f"# HELP {name} {_HELP[name]}\n# TYPE {name} gauge\n" + "".join(f"{line}\n" for line in found)
        for name, found in lines.items()
        if found
    )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
