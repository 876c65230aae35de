"""What importing the pictures brings along."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_matplotlib_waits_until_something_is_drawn():
    code = 'import sys, mmseg_aux_hrnet.visualization; print("matplotlib" in sys.modules)'
    run = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, encoding='utf-8')
    assert run.stdout.split() == ['False'], run.stderr
