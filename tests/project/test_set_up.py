"tools/set_up.sh where another set-up has the lock, and where there are no locks"
import os
import shutil
import subprocess
import sys
import pytest
from repository import root

FLOCK = '#!/bin/sh\n[ "$1" = -n ] && exit {code}\nexit {code_of_waiting}\n'     # stands for util-linux's command

@pytest.mark.parametrize('code, code_of_waiting, expected', [
    (0, 1, ''), (1, 0, 'waiting for another set-up of .venv'), (65, 65, '')])
def test_a_set_up_waits_only_for_a_lock(code, code_of_waiting, expected, tmp_path):
    for name in 'requirements.lock', 'pyproject.toml': shutil.copy(root/name, tmp_path)
    for folder in 'tools', '.venv/bin', 'commands': (tmp_path/folder).mkdir(parents=True)
    for name in 'set_up.sh', 'python.sh': shutil.copy(root/'tools'/name, tmp_path/'tools')
    (tmp_path/'.venv/bin/python').symlink_to(sys.executable)
    flock = tmp_path/'commands/flock'
    flock.write_text(FLOCK.format(code=code, code_of_waiting=code_of_waiting))
    flock.chmod(0o755)
    state = subprocess.run('cat requirements.lock pyproject.toml | cksum', shell=True, cwd=tmp_path, text=True,
                           capture_output=True, check=True).stdout
    (tmp_path/'.venv/.set-up').write_text(f'{state}{tmp_path}\n')
    env = os.environ | dict(PATH=f"{tmp_path/'commands'}:{os.environ['PATH']}")
    p = subprocess.run([tmp_path/'tools/set_up.sh', 'python3'], env=env, capture_output=True, text=True)
    assert (p.returncode, p.stdout.strip(), p.stderr) == (0, expected, '')
