"""The wheel holds engine, dsl and appliance, whole, with the rule files as data, and nothing else.

It is built by setuptools itself, as pip would call it, from a copy and without the network.
"""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT

BUILD = "from setuptools import build_meta; import sys; print(build_meta.build_wheel(sys.argv[1]))"


def build(checkout: Path, into: Path) -> set[str]:
    """The names of the files in the wheel that this checkout makes."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(into)], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"setuptools made no wheel:\n{done.stdout}{done.stderr}"
    (wheel,) = into.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def copy(into: Path) -> Path:
    """A copy of all that could find its way into a wheel, the tests and docs included."""
    into.mkdir()
    for name in (*PACKAGES, "rules", "tests", "docs"):
        shutil.copytree(ROOT / name, into / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, into / name)
    return into


def missing(checkout: Path, wheel: set[str]) -> list[str]:
    """Python files and rule files of the checkout that the wheel lacks; what builds the image is in none."""
    python = {path.relative_to(checkout).as_posix() for name in PACKAGES for path in (checkout / name).rglob("*.py")}
    python = {name for name in python if not name.startswith("appliance/image/")}
    rules = {f"appliance/{path.relative_to(checkout).as_posix()}" for path in (checkout / "rules").rglob("*.rules")}
    return sorted((python | rules) - wheel)


def surplus(wheel: set[str]) -> list[str]:
    """Files of the wheel outside the three packages, and Python files among the rules."""
    return sorted(
        name
        for name in wheel
        if not (name.startswith(tuple(f"{package}/" for package in PACKAGES)) or ".dist-info/" in name)
        or (name.startswith("appliance/rules/") and not name.endswith(".rules"))
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("wheel") / "checkout")


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> set[str]:
    return build(checkout, checkout.parent / "dist")


def test_the_wheel_holds_exactly_the_three_packages(wheel: set[str]) -> None:
    assert surplus(wheel) == []
    assert {name.partition("/")[0] for name in wheel if ".dist-info/" not in name} == set(PACKAGES)


def test_the_wheel_lacks_nothing(checkout: Path, wheel: set[str]) -> None:
    lacking = missing(checkout, wheel)
    assert not lacking, "add their folders to [tool.setuptools] packages in pyproject.toml:\n" + "\n".join(lacking)


def test_the_wheel_holds_the_grammar_the_default_rules_and_the_tables(wheel: set[str]) -> None:
    assert {"dsl/grammar.lark", "appliance/rules/house.rules"} <= wheel
    tables = {f"engine/profile/{name}.csv" for name in ("actions", "classes", "modules", "private", "terms")}
    assert tables <= wheel


def test_the_wheel_holds_what_the_console_sends(wheel: set[str]) -> None:
    console = ROOT / "appliance/console"
    files = [
        path for name in ("templates", "static", "locale") for path in (console / name).rglob("*") if path.is_file()
    ]
    assert len(files) > 10
    assert {path.relative_to(ROOT).as_posix() for path in files} <= wheel


def test_the_wheel_brings_the_command_and_the_licence(wheel: set[str]) -> None:
    assert {name.rpartition("/")[2] for name in wheel if ".dist-info/" in name} >= {"entry_points.txt", "LICENSE"}


def test_a_forgotten_package_and_a_stranger_are_caught(tmp_path: Path) -> None:
    house = copy(tmp_path / "checkout")
    for stray in ("engine/forgotten", "rules/lib"):
        (house / stray).mkdir(exist_ok=True)
    (house / "engine/forgotten/__init__.py").write_text('"""Forgotten."""\n')
    (house / "rules/lib/planted.rules").write_text("version 1\n")
    project = (house / "pyproject.toml").read_text("utf-8")
    (house / "pyproject.toml").write_text(project.replace('    "dsl",\n', '    "dsl",\n    "tests",\n'), "utf-8")
    built = build(house, tmp_path / "dist")
    assert "engine/forgotten/__init__.py" in missing(house, built)
    assert "appliance/rules/lib/planted.rules" in built
    assert "tests/__main__.py" in surplus(built)
