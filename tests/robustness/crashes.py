"""Kill, cut off and starve the rebuild of a table, and compare what the next one writes with an undisturbed one:
python tests/robustness/crashes.py [PART ...]   (kills, quick, disks: as root, together; figures: reports/robustness)"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from robustness.rebuilds import ROOT, entries, rebuild, reference, start, unknown_files
from robustness.together import try_all
from emotiw.core import commit, share_synthetic


def family(pid):
    "A process and all that it started"
    try: return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess: return []

def is_tracker(process):
    "Is it the process in which Python counts the semaphores of a command?"
    try: return any('multiprocessing.resource_tracker' in word for word in process.cmdline())
    except psutil.NoSuchProcess: return False

def kill_all(processes):
    "kill -9; how many of them were still running"
    n_hit = 0
    for process in processes:
        try:
            if process.status() == psutil.STATUS_ZOMBIE: continue
            process.kill()
        except psutil.NoSuchProcess: continue
        n_hit += 1
    return n_hit

def kill_group(p, rng):
    "kill -9 of the command, its workers and its notebook; how many were running"
    processes = family(p.pid)
    n_hit = kill_all(processes)
    psutil.wait_procs(processes, timeout=20)
    return n_hit

def kill_worker(p, rng):
    """
    kill -9 of one process that the command started; the command goes on, or ends in one line. Not of Python's own
    `resource_tracker`: Python starts another, which does not know the names of the first and prints tracebacks.
    How many were running: 1 or 0.
    """
    others = [q for q in family(p.pid)[1:] if not is_tracker(q)]
    n_hit = kill_all([others[rng.integers(len(others))]]) if others else 0
    p.wait(timeout=600)
    return n_hit

def lose_power(home, rng, seconds=5.):
    "What was written in the last seconds, and not synced, is cut, emptied or full of zeros, as after a loss of power"
    newest = max((p.stat().st_mtime for p in entries(home)), default=0.)
    for path in (p for p in entries(home) if p.stat().st_mtime > newest - seconds):
        n = path.stat().st_size
        damage = rng.integers(4)
        if damage == 0: path.write_bytes(b'')
        elif damage == 1: os.truncate(path, rng.integers(n + 1))
        elif damage == 2: path.write_bytes(bytes(n))

def flip_bits(home, rng, n=3):
    "Bits flipped in stored files, as on an old disk"
    files = [p for p in entries(home) if p.stat().st_size]
    for path in rng.choice(files, min(n, len(files)), replace=False) if files else ():
        data = bytearray(path.read_bytes())
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)

def turn_clock_back(home, rng):
    "Everything stored was written next year"
    for path in entries(home): os.utime(path, (time.time() + 3e7,)*2)

KILLS = dict(group=kill_group, worker=kill_worker)
DAMAGES = dict(none=lambda home, rng: None, power=lose_power, bits=flip_bits, clock=turn_clock_back)

def crash_once(home, reports, kill, damage, longest, rng, scale='tiny'):
    """
    Start a rebuild, disturb it at a random moment, damage what it stored unless it ended well. Was a running process
    killed? Did the rebuild end well? What is wrong afterwards
    """
    p, n_hit = start(home, reports, scale=scale), 0
    try: p.wait(timeout=rng.uniform(.2, longest))
    except subprocess.TimeoutExpired: n_hit = KILLS[kill](p, rng)
    errors = p.stderr.read()
    p.stderr.close()
    faults = [f'{kill}: {errors[-2000:]}'] if 'Traceback' in errors else []
    faults += [f'{kill}, {damage}: unknown file {name}' for name in unknown_files(home)]
    if p.returncode: DAMAGES[damage](home, rng)
    return n_hit > 0, p.returncode == 0, faults

def crash_often(kills, whole, longest, seed=0, show=print):
    "Disturb rebuilds `kills` times within `longest` seconds; the figures, and every fault"
    rng, figures, faults, k = np.random.default_rng(seed), Counter(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        while figures['kills'] < kills:
            k += 1
            home, reports = folder/f'home{k}', folder/f'reports{k}'
            share_synthetic(home)
            for _ in range(12):
                kill = 'worker' if rng.random() < .2 else 'group'
                damage = str(rng.choice(list(DAMAGES), p=[.4, .3, .2, .1]))
                hit, ended, found = crash_once(home, reports, kill, damage, longest, rng)
                faults += found
                figures.update({'kills': int(hit), kill: int(hit), f'damage {damage}': int(hit and not ended)})
                show(figures['kills'], kill, damage, len(entries(home)), *found, flush=True)
                if ended: break
            try: same = rebuild(home, reports) == whole
            except AssertionError as e:
                same = False
                faults.append(f'home {k}: {str(e)[-2000:]}')
            if not same: faults.append(f'home {k}: another csv')
            figures.update(rebuilds=1, equal=int(same))
            show(f'home {k}:', 'equal' if same else 'DIFFERENT', *faults[-1:], flush=True)
    return figures, faults

N_QUICK = 10

def kill_workers_at_quick(folder, seed=0, show=print):
    "Kill one process in each of `N_QUICK` quick rebuilds; one that ends before its kill does not count; every fault"
    (folder/'quick').mkdir()
    whole, seconds = reference(folder/'quick', 'quick')
    rng, figures, faults = np.random.default_rng(seed), Counter(), []
    while figures['quick kills'] < N_QUICK:
        with tempfile.TemporaryDirectory() as home:
            home, reports = Path(home)/'home', Path(home)/'reports'
            share_synthetic(home)
            hit, ended, found = crash_once(home, reports, 'worker', 'none', .9*seconds, rng, 'quick')
            if hit and rebuild(home, reports, scale='quick') != whole: found.append('quick: another csv')
        figures.update({'quick kills': int(hit), 'quick, went on': int(hit and ended), 'quick, missed': int(not hit)})
        faults += found
        show('quick', dict(figures), *found, flush=True)
    return figures, faults


@contextmanager
def small_disk(folder, kib):
    "A file system of `kib` KiB at `folder`; only root may make one"
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={kib}k', 'tmpfs', folder], check=True)
    try: yield
    finally: subprocess.run(['umount', '-l', folder], check=True)

def fill_disk(folder, kib, whole):
    "A rebuild on a disk that is too small, and again once there is space: the faults"
    home, reports, faults = folder/'home', folder/'reports', []
    with small_disk(home, kib):
        share_synthetic(home)
        p = start(home, reports)
        errors = p.communicate(timeout=600)[1]
        message = errors.strip().splitlines()[-1:]
        if p.returncode and not re.match(r'emotiw: .*(cannot be written|No space left)', message[0] if message else ''):
            faults.append(f'{kib} KiB: ends with {message}')
        if 'Traceback' in errors: faults.append(f'{kib} KiB: {errors[-2000:]}')
        faults += [f'{kib} KiB: unknown file {name}' for name in unknown_files(home)]
        subprocess.run(['mount', '-o', 'remount,size=64m', home], check=True)
        if rebuild(home, reports) != whole: faults.append(f'{kib} KiB: another csv')
    return p.returncode != 0, faults

def fill_disks(n, whole, seed=0, show=print):
    "`n` rebuilds on disks of random size; the figures, and every fault"
    rng, figures, faults = np.random.default_rng(seed), Counter(), []
    for k in range(n):
        with tempfile.TemporaryDirectory() as folder:
            kib = int(rng.integers(32, 1000))
            full, found = fill_disk(Path(folder), kib, whole)
        figures.update(disks=1, full=int(full))
        faults += found
        show('disk', k, kib, 'full' if full else 'large enough', *found, flush=True)
    return figures, faults


def twice(trials, n, *args):
    "`trials` in two halves side by side, since a rebuild alone waits half of its time; the figures, and every fault"
    with ThreadPoolExecutor(2) as pool: halves = list(pool.map(lambda k: trials(n//2, *args, seed=k), range(2)))
    return sum((figures for figures, _ in halves), Counter()), [fault for _, faults in halves for fault in faults]

N_KILLS, N_DISKS, SLOWER = 200, 50, 1.5      # a rebuild beside another takes so many times as long
PARTS = dict(      # name -> what it does with a folder, the csv and the seconds of an undisturbed rebuild
    kills=lambda folder, whole, seconds: twice(crash_often, N_KILLS, whole, SLOWER*seconds),
    quick=lambda folder, whole, seconds: kill_workers_at_quick(folder),
    disks=lambda folder, whole, seconds: twice(fill_disks, N_DISKS, whole),
    together=try_all)

def run_part(name):
    "The figures of one part, and every fault"
    with tempfile.TemporaryDirectory() as folder:
        whole, seconds = reference(Path(folder))
        figures, faults = PARTS[name](Path(folder), whole, seconds)
    return dict(commit=commit(), seconds=round(seconds, 1), figures=dict(figures), faults=faults)

def main(*names):
    "These parts, or all of them; writes the figures of each as it ends, and returns the number of faults"
    file, n_faults = ROOT/'reports/robustness/crashes.json', 0
    file.parent.mkdir(parents=True, exist_ok=True)
    for name in names or PARTS:
        part = run_part(name)
        parts = (json.loads(file.read_text()) if file.exists() else {}) | {name: part}
        file.write_text(json.dumps({n: parts[n] for n in PARTS if n in parts}, indent=1) + '\n')
        n_faults += len(part['faults'])
    return n_faults


if __name__ == '__main__': sys.exit(min(main(*sys.argv[1:]), 1))
