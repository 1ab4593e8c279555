"`make gpu` on a machine without a GPU: everything runs at `tiny`, and says so"
import os
import subprocess
import sys
import pandas as pd
from repository import root


def test_measures_without_a_gpu(tmp_path):
    env = os.environ | dict(CUDA_VISIBLE_DEVICES='')
    command = [sys.executable, root/'tools/gpu.py', tmp_path]
    p = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=300)
    assert p.returncode == 0, p.stdout + p.stderr
    trainings, answers, checks = (pd.read_csv(tmp_path/f'{name}.csv') for name in ('trainings', 'answers', 'checks'))
    assert len(trainings) == len(answers) >= 12
    assert trainings['examples/s'].gt(0).all() and trainings['share of peak, %'].gt(0).all()
    assert (answers['largest difference'] < 1e-4).all()
    assert list(checks.outcome) == ['passed']*4
    page = (tmp_path/'index.html').read_text()
    assert 'No GPU: cpu; scale tiny' in page and 'say nothing about a GPU' in page
