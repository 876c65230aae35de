import platform
import subprocess
import sys

import pytest

from mmseg_aux_hrnet.models import speed

FAULTS = """
import resource, sys
from mmseg_aux_hrnet.models.speed import keep_freed_memory
if sys.argv[1] == 'kept':
    assert keep_freed_memory()
for _ in range(2):  # the second time around, the memory has been there before
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytes_ = bytearray(2**26)
        del bytes_
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way):
    done = subprocess.run([sys.executable, '-c', FAULTS, way], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow  # processes that import everything
@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='only glibc can be told')
def test_memory_that_was_freed_is_used_again_without_page_faults():
    assert faults('kept') < faults('given') / 5


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, 'libc_ver', lambda: ('', ''))
    assert not speed.keep_freed_memory()
