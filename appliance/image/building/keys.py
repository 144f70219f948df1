"""The keys that sign an image: the owner's from a folder of his, or test keys that are made on the fly.

They are made by openssl in the tools tree. It must not know what is signed; private keys never enter the checkout.
"""

import os
import shlex
from pathlib import Path

from appliance.image.building import tools
from appliance.image.building.places import ROOT, cache

PAIRS = {"sb": "Secure Boot and the root's hash", "pcr": "what the TPM unlocks for"}
"""RSA keys with certificates, NAME.key and NAME.crt, and what is signed with each."""

UPDATE = "update"
"""The Ed25519 key that signs updates: update.key, and update.pub, which goes into the image."""

NAMES = (*(f"{name}.{end}" for name in PAIRS for end in ("key", "crt")), f"{UPDATE}.key", f"{UPDATE}.pub")


def folder() -> Path:
    """The folder with the six files of `NAMES`: `SB_KEYS`, which has to be complete; else test keys in the cache."""
    given = os.environ.get("SB_KEYS")
    if given:
        place = Path(given).resolve()
        if place.is_relative_to(ROOT):
            raise SystemExit(f"SB_KEYS={place} is in the checkout. Keep keys where they can not be committed.")
        if lacking := [name for name in NAMES if not (place / name).is_file()]:
            raise SystemExit(f"SB_KEYS={place} lacks {', '.join(lacking)}; docs/image.md says how they are made")
        return place
    place = cache() / "keys"
    if not all((place / name).is_file() for name in NAMES):
        print(f"Making test keys (once): {place}. Images signed with them are for tests only.", flush=True)
        make(place, "TEST ONLY, not for patients")
    return place


def make(place: Path, owner: str) -> None:
    """Make all six files: RSA of 2048 bits, as Secure Boot wants it, and for ten years, as firmware asks no clock."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    script = "umask 077; cd /keys\n"
    for name, purpose in PAIRS.items():
        subject = shlex.quote(f"/O=Stellwerk/OU={owner}/CN={purpose}")
        script += f"openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {name}.key\n"
        script += f"openssl req -new -x509 -sha256 -days 3652 -subj {subject} -key {name}.key -out {name}.crt\n"
    script += f"openssl genpkey -algorithm ed25519 -out {UPDATE}.key\n"
    script += f"openssl pkey -in {UPDATE}.key -pubout -out {UPDATE}.pub\n"
    tools.run(["sh", "-euc", script], binds={place: "/keys"}, where="/")


if __name__ == "__main__":
    print(folder())
