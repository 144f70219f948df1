"""The recipe of the image keeps what was learnt by starting it: each line here once cost a machine that did not start.

Only files are read; what the built image holds, the build itself proves (`appliance/image/mkosi.finalize`).
"""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.house.tree import ROOT

IMAGE = ROOT / "appliance/image"
EXTRA = IMAGE / "mkosi.extra"
UNITS = EXTRA / "usr/lib/systemd/system"


def settings(path: Path) -> dict[str, list[str]]:
    """A mkosi file: each setting with the words of its lines, in whatever section; later ones are added."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(("#", "[")) or not line.strip():
            continue
        if not line.startswith((" ", "\t")):
            name, _, line = line.partition("=")
        found.setdefault(name.strip(), []).extend([line.strip()] if line.strip() else [])
    return found


def sections(path: Path) -> ConfigParser:
    """A unit or partition file of systemd, in which no key stands twice."""
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # upper and lower case count
    parser.read(path, "utf-8")
    return parser


MKOSI = settings(IMAGE / "mkosi.conf")
COMMAND_LINE = " ".join(MKOSI["KernelCommandLine"]).split()
INITRD = settings(IMAGE / "mkosi.images/initrd/mkosi.conf")


def test_the_boot_partition_has_sectors_that_firmware_reads() -> None:
    assert MKOSI["SectorSize"] == ["512"]


def test_the_list_of_modules_has_one_expression_to_a_line() -> None:
    for path in (IMAGE / "mkosi.conf", *IMAGE.glob("mkosi.profiles/*/mkosi.conf")):
        for name, lines in settings(path).items():
            if name.startswith("KernelModules"):
                assert all(len(line.split()) == 1 for line in lines), f"{path.name}: {name}"
                assert all(re.compile(line) for line in lines)


@pytest.mark.parametrize(
    "module",
    [
        *("drivers/block/virtio_blk.ko.xz", "drivers/scsi/vmw_pvscsi.ko.xz", "drivers/scsi/hv_storvsc.ko.xz"),
        *("drivers/nvme/host/nvme.ko.xz", "drivers/ata/ahci.ko.xz", "drivers/scsi/virtio_scsi.ko.xz"),
        *("fs/erofs/erofs.ko.xz", "drivers/md/dm-verity.ko.xz", "drivers/md/dm-crypt.ko.xz"),
    ],
)
def test_the_disk_is_found_and_proved_before_the_root_is_there(module: str) -> None:
    assert any(re.search(line, module) for line in MKOSI["KernelModulesInitrdInclude"])
    assert any(re.search(line, module) for line in MKOSI["KernelModulesInclude"]), "and in the root"


@pytest.mark.parametrize(
    "module",
    [
        *("drivers/net/virtio_net.ko.xz", "drivers/net/vmxnet3/vmxnet3.ko.xz", "drivers/net/hyperv/hv_netvsc.ko.xz"),
        *("net/netfilter/nf_tables.ko.xz", "net/netfilter/nft_redir.ko.xz", "net/netfilter/nft_chain_nat.ko.xz"),
        *("fs/fat/vfat.ko.xz", "fs/isofs/isofs.ko.xz", "drivers/scsi/sr_mod.ko.xz", "net/8021q/8021q.ko.xz"),
        *("drivers/acpi/button.ko.xz", "drivers/input/evdev.ko.xz", "drivers/watchdog/i6300esb.ko.xz"),
    ],
)
def test_the_running_machine_may_load_what_it_needs(module: str) -> None:
    assert any(re.search(line, module) for line in MKOSI["KernelModulesInclude"])


@pytest.mark.parametrize(
    "module",
    [
        *("net/sctp/sctp.ko.xz", "net/rds/rds.ko.xz", "net/tipc/tipc.ko.xz", "net/dccp/dccp.ko.xz"),
        *("fs/btrfs/btrfs.ko.xz", "fs/nfs/nfs.ko.xz", "fs/smb/server/ksmbd.ko.xz", "crypto/af_alg.ko.xz"),
        *("drivers/comedi/comedi.ko.xz", "drivers/vhost/vhost.ko.xz", "net/vmw_vsock/vsock.ko.xz"),
    ],
)
def test_the_running_machine_may_not_load_what_it_has_no_use_for(module: str) -> None:
    assert MKOSI["KernelModulesExclude"] == [".*"]
    assert not any(re.search(line, module) for line in MKOSI["KernelModulesInclude"])


def test_the_root_leaves_out_what_is_on_the_boot_partition_but_keeps_the_place_for_it() -> None:
    text = (IMAGE / "mkosi.repart/12-root.conf").read_text("utf-8")
    assert "ExcludeFilesTarget=/efi/\n" in text, "without the slash there is nothing to mount /efi on"
    assert "ExcludeFiles=/usr/lib/systemd/boot/\n" in text, "a signature has the time it was made at"


def test_the_root_is_found_by_its_hash_and_by_nothing_else() -> None:
    assert {"root=/dev/mapper/root", "systemd.gpt_auto=0"} <= set(COMMAND_LINE)
    assert not [word for word in COMMAND_LINE if word.startswith("systemd.image_policy")]
    assert MKOSI["Verity"] == ["yes"]
    assert MKOSI["SecureBoot"] == ["yes"]


def test_the_tpms_libraries_are_there_before_the_root_is() -> None:
    tpm = {package for package in MKOSI["Packages"] if package.startswith("libtss2-")}
    assert len(tpm) == 4
    assert tpm <= set(INITRD["Packages"])


def test_what_writes_an_update_is_not_removed() -> None:
    harden = (IMAGE / "mkosi.postinst.d/20-harden.chroot").read_text("utf-8")
    assert "systemd-container" in MKOSI["Packages"]
    removed = " ".join(re.findall(r"^rm -f .*?(?<!\\)$", harden, re.MULTILINE | re.DOTALL))
    assert not re.search(r"/systemd-(import|import-raw|sysupdate)(\s|$)", removed)


def test_nobody_is_asked_to_log_in() -> None:
    harden = (IMAGE / "mkosi.postinst.d/20-harden.chroot").read_text("utf-8")
    for unit in ("getty@tty1", "serial-getty@ttyS0", "debug-shell", "emergency", "rescue"):
        assert f"{unit}.service" in harden
    assert re.search(r"for generator in .*\bgetty\b.*\bsysv\b", harden)
    assert "systemd.getty_auto=0" in COMMAND_LINE
    assert not any(re.match(r"(openssh|dropbear|sudo|login|apt|gcc)", name) for name in MKOSI["Packages"])


def test_the_slots_are_the_same_with_and_without_a_tpm() -> None:
    plain, sealed = EXTRA / "usr/lib/repart.d", EXTRA / "usr/lib/repart.tpm2.d"
    assert [path.name for path in sorted(plain.iterdir())] == [path.name for path in sorted(sealed.iterdir())]
    for path in plain.iterdir():
        other = sealed / path.name
        if path.name == "50-data.conf":
            two = [sections(which)["Partition"] for which in (path, other)]
            assert {**two[0], "Encrypt": "tpm2"} == dict(two[1])
        else:
            assert other.is_symlink()
            assert other.read_bytes() == path.read_bytes()


def test_a_slot_has_room_for_what_is_in_the_image() -> None:
    sizes = {}
    for path in (EXTRA / "usr/lib/repart.d").glob("[12]*.conf"):
        part = sections(path)["Partition"]
        sizes.setdefault(part["Type"], set()).add(part.get("SizeMinBytes"))
    assert sizes["root"] == {"512M"}, "both slots are equal"
    built = sections(IMAGE / "mkosi.repart/11-root-verity.conf")["Partition"]
    assert built["SizeMinBytes"] in sizes["root-verity"]


def test_nothing_runs_that_no_preset_of_ours_names() -> None:
    presets = EXTRA / "usr/lib/systemd/system-preset"
    last = max(path.name for path in presets.iterdir())
    assert "disable *" in (presets / last).read_text("utf-8").splitlines()
    assert last < "90-systemd.preset", "Debian's would come before it"
    enabled = [
        line.split()[1]
        for path in presets.iterdir()
        for line in path.read_text("utf-8").splitlines()
        if "enable " in line[:7]
    ]
    assert len(enabled) == len(set(enabled))
    folders = (UNITS, IMAGE / "common/usr/lib/systemd/system")
    ours = {path.name for folder in folders for path in folder.iterdir()}
    known = re.compile(r"systemd-[\w-]+(@[\w.]+)?\.(service|timer)")
    assert not [name for name in enabled if name not in ours and not known.fullmatch(name)]


def test_each_program_that_a_unit_calls_is_in_the_image() -> None:
    kept = (IMAGE / "programs.txt").read_text("utf-8").split()
    called = set()
    for folder in ("common", "mkosi.extra"):
        for path in (IMAGE / folder).rglob("usr/lib/systemd/system/**/*"):
            if path.is_file():
                lines = re.findall(r"^Exec\w+=(.*)$", path.read_text("utf-8"), re.MULTILINE)
                called |= {name for line in lines for name in re.findall(r"/usr/s?bin/([\w.-]+)", line)}
    assert "stellwerk" in called
    assert not {name for name in called if name not in kept and not name.startswith("systemd-")}


def test_who_owns_data_has_the_number_that_its_unit_file_says() -> None:
    numbers = {list_: (IMAGE / f"{list_}.txt").read_text("utf-8").split() for list_ in ("accounts", "groups")}
    for path in (IMAGE / "common/usr/lib/sysusers.d").iterdir():
        for name, number in re.findall(r"^u (\S+) (\d+)", path.read_text("utf-8"), re.MULTILINE):
            assert f"{name}:{number}" in numbers["accounts"]
            assert f"{name}:{number}" in numbers["groups"]


def test_data_cannot_bring_programs_devices_or_rights() -> None:
    options = sections(UNITS / "var.mount")["Mount"]["Options"].split(",")
    assert {"nodev", "nosuid", "noexec", "errors=remount-ro"} <= set(options)


def test_settings_of_the_first_boot_are_on_the_data_partition() -> None:
    link = EXTRA / "etc/stellwerk"
    assert link.is_symlink()
    assert str(link.readlink()) == "/var/lib/stellwerk-setup/etc"
    data = sections(EXTRA / "usr/lib/repart.d/50-data.conf")["Partition"]
    assert "/lib/stellwerk-setup/etc" in data["MakeDirectories"].split()


def test_no_place_of_packages_and_no_key_is_in_the_recipe() -> None:
    for path in IMAGE.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text("utf-8")
            assert "PRIVATE KEY" not in text, path
            assert not re.search(r"^(Mirror|LocalMirror)=|deb https?://", text, re.MULTILINE), path
