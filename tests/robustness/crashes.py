"""Kill, cut off and starve the rebuild of a table, and compare what the next one writes with an undisturbed one:
python tests/robustness/crashes.py [KILLS] [FULL_DISKS] [PAIRS]     (200, 50 as root, 2; figures: reports/robustness)"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
import numpy as np
import psutil
from emotiw.core import commit, share_synthetic

ROOT = Path(__file__).resolve().parents[2]
EMOTIW, TABLE = str(Path(sys.executable).with_name('emotiw')), 'ding2016_fig4'    # nineteen runs, and no faces
KNOWN = [re.compile(pattern) for pattern in (     # every kind of file that a home may hold, whatever happened to it
    r'features/\w+/[0-9a-f]{2}/(found-)?[0-9a-f]+\.(safetensors|npy|digest)',
    r'runs/[0-9a-f]{32}/[0-9a-f]+\.(json|safetensors)', r'(leaks|modalities)/[0-9a-f]+\.json',
    r'tables/[0-9a-f]{32}', r'dask/.*', r'checkpoints/.*', r'(.*/)?\.partial-.*')]


def start(home, reports, workers=2):
    "The tiny rebuild of one table, in a process group of its own"
    options = f'--scale tiny --only {TABLE} --seeds 2 --workers {workers}'.split()
    env = os.environ | {'EMOTIW_HOME': str(home)}
    command = [EMOTIW, 'tables', *options, '--reports', str(reports)]
    return subprocess.Popen(command, env=env, start_new_session=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)

def csv_of(reports): return (reports/f'synthetic/{TABLE}.csv').read_bytes()

def rebuild(home, reports, workers=2):
    "Rebuild to the end; the table as bytes"
    p = start(home, reports, workers)
    errors = p.communicate(timeout=600)[1]
    assert p.returncode == 0, errors
    return csv_of(reports)

def entries(home, kinds='features runs tables leaks modalities'):
    "The files of a home, without the synthetic data sets"
    return [p for kind in kinds.split() for p in (home/kind).rglob('*') if p.is_file()]

def unknown_files(home):
    "Files of no known kind"
    found = [p.relative_to(home).as_posix() for p in home.rglob('*') if p.is_file() and not p.is_symlink()]
    return [name for name in found if not name.startswith('synthetic') and not any(k.fullmatch(name) for k in KNOWN)]

def family(pid):
    "A process and all that it started"
    try: return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess: return []

def kill_group(p, rng):
    "kill -9 of the command, its workers and its notebook"
    processes = family(p.pid)
    for process in processes:
        try: process.kill()
        except psutil.NoSuchProcess: continue
    psutil.wait_procs(processes, timeout=20)

def kill_worker(p, rng):
    "kill -9 of one process that the command started; the command goes on, or ends in one line"
    if others := family(p.pid)[1:]:
        try: others[rng.integers(len(others))].kill()
        except psutil.NoSuchProcess: return
    p.wait(timeout=600)

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

def crash_once(home, reports, kill, damage, longest, rng):
    "Start a rebuild, disturb it at a random moment, damage what it stored; did it end before? What is wrong afterwards"
    p = start(home, reports)
    try: p.wait(timeout=rng.uniform(.2, longest))
    except subprocess.TimeoutExpired: KILLS[kill](p, rng)
    errors = p.stderr.read()
    p.stderr.close()
    faults = [f'{kill}: {errors[-2000:]}'] if 'Traceback' in errors else []
    faults += [f'{kill}, {damage}: unknown file {name}' for name in unknown_files(home)]
    if p.returncode: DAMAGES[damage](home, rng)
    return p.returncode == 0, faults

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
                ended, found = crash_once(home, reports, kill, damage, longest, rng)
                faults += found
                if ended: break
                figures.update(kills=1, **{kill: 1, f'damage {damage}': 1})
                show(figures['kills'], kill, damage, len(entries(home)), *found, flush=True)
            try: same = rebuild(home, reports) == whole
            except AssertionError as e:
                same = False
                faults.append(f'home {k}: {str(e)[-2000:]}')
            if not same: faults.append(f'home {k}: another csv')
            figures.update(rebuilds=1, equal=int(same))
            show(f'home {k}:', 'equal' if same else 'DIFFERENT', *faults[-1:], flush=True)
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

def rebuild_together(folder, whole, n=2):
    "The same table by `n` commands at once on one home: the faults"
    home = folder/'home'
    share_synthetic(home)
    processes = [start(home, folder/f'reports{i}') for i in range(n)]
    faults = [p.communicate(timeout=900)[1][-2000:] for p in processes]
    faults = [text for text, p in zip(faults, processes) if p.returncode or 'Traceback' in text]
    faults += [f'rebuild {i} of {n} at once: another csv' for i in range(n)
               if not faults and csv_of(folder/f'reports{i}') != whole]
    return faults

def reference(folder):
    "An undisturbed rebuild in `folder`: its table as bytes, and its seconds"
    share_synthetic(folder/'home')
    begun = time.time()
    return rebuild(folder/'home', folder/'reports'), time.time() - begun


def main(kills=200, disks=50, pairs=2):
    "All disturbances; writes their figures, and returns the number of faults"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        whole, seconds = reference(folder)
        figures, faults = crash_often(kills, whole, seconds)
        if os.geteuid() == 0:
            disk_figures, disk_faults = fill_disks(disks, whole)
            figures, faults = figures | disk_figures, faults + disk_faults
        for k in range(pairs):
            (folder/f'pair{k}').mkdir()
            faults += rebuild_together(folder/f'pair{k}', whole)
    report = dict(commit=commit(), seconds=round(seconds, 1), figures=dict(figures, pairs=pairs), faults=faults)
    text = json.dumps(report, indent=1) + '\n'
    (ROOT/'reports/robustness').mkdir(parents=True, exist_ok=True)
    (ROOT/'reports/robustness/crashes.json').write_text(text)
    print(text)
    return len(faults)


if __name__ == '__main__': sys.exit(min(main(*map(int, sys.argv[1:])), 1))
