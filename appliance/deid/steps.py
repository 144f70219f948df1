"""The chain that files are taken through: `anonymize-pixels` and `anonymize`, compiled as any other rule.

It must not know files of images.
"""

from dataclasses import replace
from pathlib import Path

from appliance.rulebook import LIBRARY, RuleBook, read
from dsl.compile import Compiled, compile_files
from engine.plan import Plan, prepare
from engine.vocabulary import vocabulary

PORT = 1
"""As if it came in here, where no listener can be that another rule may have."""

NONE = "none"
"""Instead of words: the step is left out."""

_NAME = "stellwerk-deid"
_WRITTEN = "command line"
_LIBRARY = f'include "{LIBRARY}/us-regions.rules"\n'


def compiled(rules: Path | None, pixels: str, profile: str) -> tuple[Compiled, Plan | None]:
    """The chain, with the regions of these rules, or of the library; no plan where something is wrong with it.

    pixels: the words behind `anonymize-pixels`; profile: those behind `anonymize`. Either may be NONE: no such step.
    Raises appliance.rulebook.NoRules.
    """
    book = [] if rules is None else [str(path) for path in RuleBook(rules).files()]
    steps = [
        f"{name} {words}".strip()
        for name, words in (("anonymize-pixels", pixels), ("anonymize", profile))
        if words != NONE
    ]
    chain = " → ".join([*steps, "store by SOPInstanceUID"])
    text = f"{_LIBRARY if rules is None else ''}route {_NAME}\n  on port {PORT}\n  → {chain}\n"
    result = compile_files(
        [*book, _WRITTEN], vocabulary=vocabulary(), read=lambda name: text if name == _WRITTEN else read(name)
    )
    if result.program is None:
        return result, None
    ours = tuple(route for route in result.program.routes if route.name == _NAME)
    return result, prepare(replace(result.program, routes=ours))
