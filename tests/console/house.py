"""A house for tests of the facts: a line with a real spool, journal and archive, and the rules that ran last."""

from pathlib import Path

from appliance.beginning import remember
from appliance.console.facts.house import House
from appliance.settings import Settings
from engine.program import Program
from tests.engine.spool.crash_kit import Line, Pacs, program


class Lived(Line):
    """A line whose data folder the console looks at."""

    def __init__(self, root: Path, rules: Program | None = None, pacs: Pacs | None = None) -> None:
        rules = rules or program()
        super().__init__(root, rules, pacs or Pacs())
        self.settings = Settings(data=root)
        remember(self.settings, rules)
        self.house = House(self.settings)

    def journal(self) -> None:
        """Take all that has happened into the journal, as the indexer does."""
        with self.house.journals.open() as journal:
            journal.catch_up()
