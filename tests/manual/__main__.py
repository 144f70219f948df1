"""Write the made pages into docs/, and take away those that nothing makes any more."""

from tests.house.tree import ROOT
from tests.manual.pages import MADE, pages


def main() -> None:
    """Write what differs."""
    made = {ROOT / "docs" / path: text for path, text in pages().items()}
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        if path not in made and path.read_text(encoding="utf-8").startswith(MADE):
            path.unlink()


main()
