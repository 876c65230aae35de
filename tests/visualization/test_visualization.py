"""What importing the pictures brings along."""

import subprocess
import sys

from tool_support import REPO


def test_matplotlib_waits_until_something_is_drawn():
    code = 'import sys, mmseg_aux_hrnet.visualization; print("matplotlib" in sys.modules)'
    run = subprocess.run([sys.executable, '-c', code], cwd=REPO, capture_output=True, encoding='utf-8')
    assert run.stdout.split() == ['False'], run.stderr
