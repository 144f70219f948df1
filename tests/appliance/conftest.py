"""For every test with a running appliance: none survives its test, however that ends."""

from collections.abc import Iterator

import pytest

from tests.appliance.running import started


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    while started:
        process = started.pop()
        if process.poll() is None:
            process.kill()
            process.wait(10)
