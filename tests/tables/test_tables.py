"A table can be killed and damaged at any moment, and its numbers do not depend on the number of workers"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import os
import signal
import time
import numpy as np
import psutil
from robustness.crashes import flip_bits, lose_power, turn_clock_back
from robustness.rebuilds import TABLE, rebuild, start, unknown_files
from emotiw.core import share_synthetic


def finished(home): return {p: p.stat().st_mtime_ns for p in home.glob('runs/*/*.json')}

def killed(home, reports, after, kill):
    "Start, kill once `after` runs are stored, and return what was stored then"
    p = start(home, reports)
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
    rng = np.random.default_rng(0)
    for damage in lose_power, flip_bits, turn_clock_back: damage(tmp_path/'two', rng)
    assert rebuild(tmp_path/'two', tmp_path/'again') == uninterrupted, 'a damaged entry was believed'
    assert not unknown_files(tmp_path/'two')
