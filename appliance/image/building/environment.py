"""The Python environment of a package: the checkout's wheel and the locked packages, in a folder that is laid over `/`.

It runs inside the Debian tree of a build, with that release's Python, and without the network: what it installs was
fetched before. Two runs make the same bytes. It knows nothing of packages and images.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

VENV = "usr/lib/stellwerk/venv"
KERNELS = ("_jpeg", "_jpeg_proof", "_jpeg_ls")
"""The parts written in C, in `engine/pixels`. A checkout works without them, a package is not made without them."""

UNUSED = (
    *("numpy/**/tests", "numpy/f2py", "numpy/**/*.a", "numpy/_core/include", "numpy/**/*.pyi", "numpy/random/lib"),
    *("pydicom/data/test_files", "pydicom/data/charset_files", "pynetdicom/tests", "pynetdicom/apps", "tornado/test"),
)
"""What the packages bring along to be tested or built with, and what no program of ours opens."""


def assemble(checkout: Path, wheels: Path, root: Path, work: Path) -> Path:
    """Make `root/usr/lib/stellwerk/venv` and `root/usr/bin/stellwerk`; return the folder of the packages.

    `wheels` holds what `appliance/image/requirements.lock` names. The environment's Python is the system's own of this
    very minor version: that is what the compiled packages are for.
    """
    builder = work / "builder"
    subprocess.run([sys.executable, "-m", "venv", str(builder)], check=True)
    tool = [str(builder / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    lock = [
        "--no-index",
        "--find-links",
        str(wheels),
        "--require-hashes",
        "-r",
        str(checkout / "appliance/image/requirements.lock"),
    ]
    subprocess.run([*tool, "install", *lock], check=True)
    subprocess.run(
        [
            *tool,
            "wheel",
            "--no-index",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(work / "own"),
            str(checkout),
        ],
        check=True,
    )
    venv = root / VENV
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(venv)], check=True)
    packages = venv / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    install = ["install", "--no-compile", "--no-deps", "--no-warn-script-location", "--target", str(packages)]
    subprocess.run([*tool, *install, *lock], check=True)
    shutil.rmtree(packages / "bin")
    (own,) = (work / "own").glob("*.whl")
    subprocess.run([*tool, *install, "--no-index", str(own)], check=True)
    _only_what_runs(venv, packages, root)
    return packages


COMMAND = f"""\
#!/{VENV}/bin/python3 -I
import sys

from appliance.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""
"""What `stellwerk` is. -I: nothing of the caller's environment and folder gets into the program, even where root calls.
The process that cleans pixels is spawned: it reads this file once more under another name, and must not run it again.
"""


def _only_what_runs(venv: Path, packages: Path, root: Path) -> None:
    """Take out what is needed to build, to test or to move an environment, and what differs from build to build."""
    shutil.rmtree(venv / "include", ignore_errors=True)
    shutil.rmtree(packages / "bin")
    for name in ("setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"):
        _remove(packages / name)
    for pattern in ("setuptools-*.dist-info", *UNUSED):
        for path in packages.glob(pattern):
            _remove(path)
    for path in packages.glob("*.dist-info/direct_url.json"):
        path.unlink()
    minor = f"python3.{sys.version_info.minor}"
    for path in (venv / "bin").iterdir():
        path.unlink()
    (venv / "bin/python3").symlink_to(f"../../../../bin/{minor}")
    (venv / "bin/python").symlink_to("python3")
    (venv / "bin" / minor).symlink_to("python3")
    if (venv / "lib64").is_symlink():
        (venv / "lib64").unlink()
    version = ".".join(str(part) for part in sys.version_info[:2])
    (venv / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n", "utf-8"
    )
    command = venv / "bin/stellwerk"
    command.write_text(
        COMMAND,
        "utf-8",
    )
    command.chmod(0o755)
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/stellwerk").symlink_to(f"../lib/{VENV.removeprefix('usr/lib/')}/bin/stellwerk")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()


def finish(packages: Path, root: Path) -> None:
    """Strip our own compiled parts, set all modes, and compile all Python to bytes that are not asked for their age."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for name in KERNELS:
        kernel = packages / f"engine/pixels/{name}{suffix}"
        if not kernel.is_file():
            raise SystemExit(f"The C part {name} was not built. What the compiler said is above.")
        subprocess.run(["strip", "--strip-unneeded", "--remove-section=.comment", str(kernel)], check=True)
    for path in packages.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    words = ["-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    subprocess.run([sys.executable, *words, str(packages)], check=True)


def main() -> None:
    """Called in the tree: bundle.py --wheels FOLDER --work FOLDER ROOT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("root", type=Path)
    wanted = parser.parse_args()
    root = wanted.root.resolve()
    finish(assemble(Path.cwd(), wanted.wheels.resolve(), root, wanted.work.resolve()), root)


if __name__ == "__main__":
    main()
