"A table can be killed at any moment, and its numbers do not depend on the number of workers"
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
import psutil
from emotiw.core import share_synthetic

EMOTIW, TABLE = str(Path(sys.executable).with_name('emotiw')), 'ding2016_fig4'    # nineteen runs, and no faces

def command(home, reports, workers):
    "The tiny rebuild of one table, in a process group of its own"
    options = f'--scale tiny --only {TABLE} --seeds 2 --workers {workers}'.split()
    env = os.environ | {'EMOTIW_HOME': str(home)}
    return subprocess.Popen([EMOTIW, 'tables', *options, '--reports', str(reports)], env=env, start_new_session=True,
                            stderr=subprocess.PIPE, text=True)

def finished(home): return {p: p.stat().st_mtime_ns for p in home.glob('runs/*/*.json')}

def rebuild(home, reports, workers=2):
    "Run to the end; the table as bytes"
    p = command(home, reports, workers)
    errors = p.communicate(timeout=300)[1]
    assert p.returncode == 0, errors
    return (reports/f'synthetic/{TABLE}.csv').read_bytes()

def killed(home, reports, after, kill):
    "Start, kill once `after` runs are stored, and return what was stored then"
    p = command(home, reports, 2)
    end = time.time() + 240
    while len(finished(home)) < after and p.poll() is None and time.time() < end: time.sleep(.05)
    assert p.poll() is None, p.stderr.read()
    kill(p.pid)
    p.wait()
    p.stderr.close()
    return finished(home)

def children(pid): return psutil.Process(pid).children(recursive=True)

def test_killed_twice_ends_with_the_same_numbers(tmp_path):
    for name in 'one', 'two': share_synthetic(tmp_path/name)
    uninterrupted = rebuild(tmp_path/'one', tmp_path/'whole', workers=1)
    family = []
    def command_alone(pid):
        family.extend(children(pid))
        os.kill(pid, signal.SIGKILL)
    first = killed(tmp_path/'two', tmp_path/'parts', 2, command_alone)
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, 'workers or the notebook outlived the command'
    second = killed(tmp_path/'two', tmp_path/'parts', len(first) + 3, lambda pid: os.killpg(pid, signal.SIGKILL))
    assert not (tmp_path/f'parts/synthetic/{TABLE}.csv').exists()
    assert rebuild(tmp_path/'two', tmp_path/'parts', workers=2) == uninterrupted
    last = finished(tmp_path/'two')
    assert first.items() <= second.items() <= last.items(), 'a finished run was computed again'
