"""The program's graph as a drawing (SVG 1.1): sources at the left, steps along the chains, outboxes at the right. Pure.

Columns are the longest way from a source; in a column, nodes stand in the order of the rule file, an outbox beside the
first that leads to it. Widths are estimated from the text, since no font is at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from engine.graph import Edge, Graph, Node

LINE, LETTER, PAD, GAP, AIR = 18, 7.4, 12, 70, 26
WIDEST = 34
"""Letters in a line of a box before the text is wrapped."""

_LOOKS = {
    "source": ("#e3f0ff", "#2b6cb0", 16),
    "step": ("#ffffff", "#4a5568", 4),
    "choose": ("#fff8e1", "#b7791f", 4),
    "outbox": ("#e6f6ea", "#2f7d46", 16),
}


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


def svg(graph: Graph) -> str:
    """The drawing as the text of an SVG file."""
    boxes = _placed(graph)
    width = max((box.x + box.width for box in boxes.values()), default=0) + AIR
    height = max((box.y + box.height for box in boxes.values()), default=0) + AIR
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fbfbfd"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#4a5568"/></marker></defs>',
    ]
    parts += [_arrow(edge, boxes, graph.nodes[edge.end].kind == "outbox") for edge in graph.edges]
    parts += [_drawn(node, boxes[node.id]) for node in graph.nodes.values()]
    return "\n".join([*parts, "</svg>\n"])


def _placed(graph: Graph) -> dict[str, _Box]:
    columns: dict[int, list[Node]] = {}
    depth = _depths(graph)
    for node in graph.nodes.values():
        columns.setdefault(depth[node.id], []).append(node)
    labels = dict.fromkeys(columns, 0.0)
    for edge in graph.edges:  # a label stands before the box that its arrow leads to
        room = min(len(edge.label), WIDEST) * LETTER
        labels[depth[edge.start]] = max(labels[depth[edge.start]], room)
    boxes: dict[str, _Box] = {}
    bottom: dict[int, float] = {}
    x = float(AIR)
    for column in sorted(columns):
        widest = 0.0
        for node in columns[column]:
            lines = _wrapped(node.label)
            size = (max(map(len, lines)) * LETTER + 2 * PAD, len(lines) * LINE + PAD)
            before = [boxes[edge.start].y for edge in graph.edges if edge.end == node.id and edge.start in boxes]
            y = max(bottom.get(column, float(AIR)), min(before, default=float(AIR)))
            boxes[node.id] = _Box(x, y, *size, lines)
            bottom[column] = y + size[1] + AIR
            widest = max(widest, size[0])
        x += widest + GAP + labels[column]
    return boxes


def _depths(graph: Graph) -> dict[str, int]:
    """The longest way to each node, in edges; outboxes stand behind everything else. The graph has no circle."""
    depth = dict.fromkeys(graph.nodes, 0)
    for _ in graph.nodes:
        moved = False
        for edge in graph.edges:
            if depth[edge.end] <= depth[edge.start]:
                depth[edge.end], moved = depth[edge.start] + 1, True
        if not moved:
            break
    last = max((depth[node.id] for node in graph.nodes.values() if node.kind != "outbox"), default=0) + 1
    return depth | {node.id: last for node in graph.nodes.values() if node.kind == "outbox"}


def _wrapped(label: str) -> tuple[str, ...]:
    lines = [""]
    for word in label.split():
        if lines[-1] and len(lines[-1]) + len(word) >= WIDEST:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return tuple(line if len(line) <= 2 * WIDEST else f"{line[: 2 * WIDEST - 1]}…" for line in lines)


def _drawn(node: Node, box: _Box) -> str:
    fill, stroke, radius = _LOOKS[node.kind]
    marks = f"<title>clean: {escape(', '.join(sorted(node.clean)))}</title>" if node.clean else ""
    lines = "".join(
        f'<text x="{box.x + PAD:.0f}" y="{box.y + LINE * (number + 1):.0f}">{escape(line)}</text>'
        for number, line in enumerate(box.lines)
    )
    return (
        f'<g>{marks}<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" '
        f'rx="{radius}" fill="{fill}" stroke="{stroke}"/>{lines}</g>'
    )


def _arrow(edge: Edge, boxes: Mapping[str, _Box], promise: bool) -> str:
    start, end = boxes[edge.start], boxes[edge.end]
    x2, y2 = end.x, end.y + end.height / 2
    if promise:
        # In the lane below the step's own row, so that it runs behind no other box until it is there.
        x1, y1 = start.x + PAD, start.y + start.height
        lane = y1 + AIR / 2
        way = f"M{x1:.0f} {y1:.0f}Q{x1:.0f} {lane:.0f} {x1 + 20:.0f} {lane:.0f}H{x2 - GAP:.0f}"
        way += f"C{x2 - 20:.0f} {lane:.0f} {x2 - GAP + 20:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        return f'<path d="{way}" fill="none" stroke="#2f7d46" stroke-dasharray="5 3" marker-end="url(#tip)"/>'
    x1, y1 = start.x + start.width, start.y + start.height / 2
    # Straight to where the widest box of its column ends, then the turn, then straight on, with room for the label.
    out = max(box.x + box.width for box in boxes.values() if box.x == start.x)
    turn = min(GAP, x2 - out)
    half, on = out + turn / 2, out + turn
    way = f"M{x1:.0f} {y1:.0f}H{out:.0f}C{half:.0f} {y1:.0f} {half:.0f} {y2:.0f} {on:.0f} {y2:.0f}H{x2:.0f}"
    path = f'<path d="{way}" fill="none" stroke="#4a5568" marker-end="url(#tip)"/>'
    if not edge.label:
        return path
    said = edge.label if len(edge.label) <= WIDEST else f"{edge.label[: WIDEST - 1]}…"
    full = f"<title>{escape(edge.label)}</title>"
    return (
        f'{path}<text x="{x2 - 14:.0f}" y="{y2 - 5:.0f}" text-anchor="end" font-style="italic" fill="#b7791f">'
        f"{full}{escape(said)}</text>"
    )
