"""docs/hardening.md says of the image what its recipe says: kernel parameters, command line, modules, programs."""

import re

import pytest

from tests.house.tree import ROOT

IMAGE = ROOT / "appliance/image"
PAGE = (ROOT / "docs/hardening.md").read_text("utf-8")
CODE = re.findall(r"`([^`]+)`", PAGE)
PARAMETERS = sorted({one for one in CODE if re.fullmatch(r"(kernel|net|fs|vm|dev)\.[\w.]+=\d+", one)})
WORDS = sorted({one for one in CODE if re.fullmatch(r"[a-z_.]+=[\w-]+|slab_nomerge", one)} - set(PARAMETERS))


def test_the_page_names_enough_to_be_compared() -> None:
    assert len(PARAMETERS) >= 10
    assert len(WORDS) >= 7


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_kernel_parameter_is_set_as_the_page_says(parameter: str) -> None:
    folder = IMAGE / "mkosi.extra/usr/lib/sysctl.d"
    assert parameter in [line.strip() for file in folder.iterdir() for line in file.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("word", WORDS)
def test_the_kernel_starts_with_the_words_of_the_page(word: str) -> None:
    recipe = (IMAGE / "mkosi.conf").read_text("utf-8")
    line = re.search(r"^KernelCommandLine=\n((?: +.+\n)+)", recipe, re.MULTILINE)
    assert line is not None
    assert word in line[1].split()


@pytest.mark.parametrize("protocol", ["dccp", "sctp", "rds", "tipc"])
def test_a_protocol_that_the_page_excludes_cannot_be_loaded(protocol: str) -> None:
    assert protocol in PAGE
    assert f"install {protocol} /bin/false" in (IMAGE / "mkosi.extra/usr/lib/modprobe.d/stellwerk.conf").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("package", ["openssh-server", "sudo", "apt", "cron", "auditd", "gcc"])
def test_what_the_page_calls_gone_is_no_package_of_the_recipe(package: str) -> None:
    recipes = [IMAGE / "mkosi.conf", *(IMAGE / "mkosi.profiles").rglob("mkosi.conf")]
    assert not [one for one in recipes if re.search(rf"^\s+{package}$", one.read_text("utf-8"), re.MULTILINE)]


def test_no_program_keeps_set_id() -> None:
    last = (IMAGE / "mkosi.postinst.d/20-harden.chroot").read_text("utf-8").rstrip().splitlines()[-1]
    assert last == "find / -xdev -perm /6000 -type f -exec chmod ug-s {} +"
