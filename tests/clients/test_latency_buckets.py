"""The histogram of the Weston client: what a percentile out of it is off by at most (docs/weston.md, `perf`)."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

CLIENT = Path(__file__).parents[2] / "images/weston/client"
MOST = 2**28  # us; what is longer falls into the last bucket


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """page.h as the guest compiles it."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.c").write_text(
        '#include "page.h"\n'
        "unsigned bucket(uint64_t us) { return latency_bucket(us); }\n"
        "uint32_t edge(unsigned bucket) { return latency_edge(bucket); }\n"
        "unsigned buckets(void) { return LATENCY_BUCKETS; }\n"
    )
    command = ["gcc", "-shared", "-fPIC", "-O2", f"-I{CLIENT}", "-o", folder / "page.so", folder / "page.c"]
    subprocess.run(command, check=True)
    code = ctypes.CDLL(str(folder / "page.so"))
    code.bucket.argtypes, code.edge.restype = [ctypes.c_uint64], ctypes.c_uint32
    return code


@given(us=st.integers(0, MOST - 1) | st.integers(0, 4096))
def test_a_latency_is_at_most_a_sixteenth_below_the_edge_of_its_bucket(page, us):
    edge = page.edge(page.bucket(us))
    assert us <= edge <= us + us // 16
    assert page.bucket(edge) == page.bucket(us)
    assert page.bucket(edge + 1) == min(page.bucket(us) + 1, page.buckets() - 1)


@given(us=st.integers(MOST, 2**64 - 1))
def test_what_takes_minutes_is_in_the_last_bucket(page, us):
    assert page.bucket(us) == page.buckets() - 1
