"""Can this case of a choose still come? W301: earlier cases take all of its objects."""

from collections.abc import Iterator

from dsl.finding import Also, Finding, finding
from dsl.flow import Known, Scene, scenes, span_of
from dsl.reason import never
from dsl.resolve import Rules
from engine.condition import Not


def check(rules: Rules) -> Iterator[Finding]:
    """Every case behind another."""
    for scene in scenes(rules):
        if not scene.earlier or _out_of_reach(scene, ()):
            continue  # a case that could never hold, first or not, is told by the contradictions
        one = next((known for known in scene.earlier if _out_of_reach(scene, (known,))), None)
        if one is not None:
            yield finding("W301", span_of(scene.case.where), also=(Also(one.span, "takes them"),))
        elif _out_of_reach(scene, scene.earlier):
            known = [one.condition for one in scene.known]
            some = (one for one in scene.earlier if not never(*known, scene.asks, one.condition))
            also = tuple(Also(one.span, "takes some") for one in some)
            yield finding("W301/together", span_of(scene.case.where), also=also)


def _out_of_reach(scene: Scene, taken: tuple[Known, ...]) -> bool:
    known = [one.condition for one in scene.known]
    return never(*known, scene.asks, *(Not(one.condition) for one in taken))
