"""Where it counts, nothing is skipped for want of a peer: .ci/run installs them all."""

import os
import shutil
from pathlib import Path

import pytest

PEERS = (
    "storescu",
    "storescp",
    "dcmsend",
    "dcmrecv",
    "dcmqrscp",
    "dcmdump",
    "gdcmscu",
    "Orthanc",
    "mke2fs",
    "tesseract",
    "ocrad",
    "chromium-headless-shell",
    "nft",
)


@pytest.mark.skipif("CI" not in os.environ or os.geteuid() != 0, reason="only where .ci/run has installed them")
def test_every_peer_is_here() -> None:
    path = f"{os.environ['PATH']}:/usr/sbin"
    assert [peer for peer in PEERS if shutil.which(peer, path=path) is None] == []
    assert Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so").exists()
