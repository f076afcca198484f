"""What a training process does with its memory: temporaries are waited for, and never for long."""

import ctypes
import sys
import threading
import time

import pytest

from sketch2photo.kernels import runtime

BIG = 100 << 20
pytestmark = pytest.mark.skipif(runtime.bytes_in_use() is None, reason="glibc of 2.33 or later only")


def taken(size):
    """A piece of memory, as XLA takes it; to be freed."""
    malloc = ctypes.CDLL("libc.so.6").malloc
    malloc.restype = ctypes.c_void_p
    return malloc(ctypes.c_size_t(size))


def freed(piece):
    ctypes.CDLL("libc.so.6").free(ctypes.c_void_p(piece))


def in_use():
    found = runtime.bytes_in_use()
    assert found is not None
    return found


def test_bytes_in_use_count_what_is_given_out():
    before = in_use()
    piece = taken(BIG)
    during = in_use()
    freed(piece)
    assert during - before == pytest.approx(BIG, rel=0.05)
    assert in_use() - before == pytest.approx(0, abs=0.05 * BIG)


def test_temporaries_are_waited_for():
    temporaries = runtime.Temporaries(BIG)
    temporaries.begin()
    piece = taken(BIG)
    late = threading.Timer(0.1, freed, (piece,))
    started = time.perf_counter()
    late.start()
    temporaries.wait()
    waited = time.perf_counter() - started
    late.join()
    assert waited > 0.09


def test_what_is_never_released_does_not_stop_the_run():
    temporaries = runtime.Temporaries(BIG)
    temporaries.begin()
    piece = taken(BIG)
    started = time.perf_counter()
    temporaries.wait()
    waited = time.perf_counter() - started
    temporaries.begin()  # what is there now is what is to be expected
    again = time.perf_counter()
    temporaries.wait()
    waited_again = time.perf_counter() - again
    freed(piece)
    assert 0.2 < waited < 10
    assert waited_again < waited


def test_small_ones_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(runtime, "bytes_in_use", lambda: pytest.fail("asked"))
    temporaries = runtime.Temporaries(1 << 20)
    temporaries.begin()
    temporaries.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_room_for_temporaries_takes_no_memory_until_it_is_used():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    runtime.Temporaries(500 << 20)
    assert resident() - before < 50 << 20
