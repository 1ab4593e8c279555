"""Commands at once on one home, and homes and corpora that misbehave; each check returns its figures and its faults:
python tests/robustness/together.py [CHECK ...]     (crashes.py, beside this file, runs them all for the report)"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from robustness.rebuilds import (
    EMOTIW,
    TABLE,
    csv_of,
    environment,
    rebuild,
    reference,
    start,
    stored_twice,
    unknown_files,
)
from emotiw.core import share_synthetic
from emotiw.data.load import open_corpus

TABLES = TABLE, 'ding2016_table2'     # They need the same clips, fingerprints and descriptors
NO_LOCKS = 'ENOLCK', 'ENOSYS', 'EOPNOTSUPP'
MEDIA = '.avi'


def clips():
    "The clips of the tiny synthetic corpus"
    return sorted(open_corpus('synthetic', 'tiny').clips.path)

def run(home, *words, **simulated):
    "A command to its end"
    options = dict(env=environment(home, **simulated), capture_output=True, text=True, timeout=600)
    return subprocess.run([EMOTIW, *map(str, words)], stdin=subprocess.DEVNULL, **options)

def own_lines(errors): return [line for line in errors.splitlines() if line.startswith('emotiw: ')]

def end_of(processes, what):
    "Wait for commands; a fault for each that failed or printed a traceback"
    errors = [p.communicate(timeout=900)[1] for p in processes]
    return [f'{what}: {text[-2000:]}' for p, text in zip(processes, errors) if p.returncode or 'Traceback' in text]

def rebuild_together(folder, tables, wholes):
    "Several tables by a command each, at once on one home"
    home, listing = folder/'home', folder/'written'
    share_synthetic(home)
    processes = [start(home, folder/f'reports{i}', table=table, EMOTIW_TEST_WRITES=str(listing))
                 for i, table in enumerate(tables)]
    faults = end_of(processes, f'{len(tables)} tables at once')
    if not faults:
        faults += [f'{table}, number {i} of {len(tables)} at once: another csv' for i, table in enumerate(tables)
                   if csv_of(folder/f'reports{i}', table) != wholes[table]]
    stored, twice = stored_twice(listing, home)
    faults += [f'computed twice: {path}' for path in twice]
    kind = 'pairs' if len(set(tables)) == 1 else 'tables'
    return {kind: 1, 'stored': stored}, faults + unknown_faults(home)

def unknown_faults(home): return [f'unknown file {name}' for name in unknown_files(home)]

def clear_during(folder, whole):
    "The cache is cleared, again and again, while a table is rebuilt"
    home, figures = folder/'home', Counter()
    share_synthetic(home)
    p, faults = start(home, folder/'reports'), []
    while p.poll() is None:
        answer = run(home, 'cache', '--clear')
        if answer.returncode: faults.append(f'cache --clear during a run: {answer.stderr[-2000:]}')
        else: figures.update(clears=1, deleted=int(answer.stdout.split()[0]))
    faults += end_of([p], 'cache cleared')
    if not faults and csv_of(folder/'reports') != whole: faults.append('cache cleared: another csv')
    return figures, faults + unknown_faults(home)

def predict_together(folder, n=8):
    "The same clips by `n` commands at once, in an empty home, against one command alone"
    home, listing = folder/'home', folder/'written'
    words = 'predict', *clips()[:4], '--csv'
    alone = run(folder/'alone', *words)
    options = dict(env=environment(home, EMOTIW_TEST_WRITES=str(listing)), text=True)
    outputs = [open(folder/f'out{i}', 'w') for i in range(n)]
    command = [EMOTIW, *map(str, words)]
    processes = [subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, **options) for out in outputs]
    faults = end_of(processes, f'{n} predictions at once')
    faults += [f'prediction {i} of {n} at once: another answer' for i, out in enumerate(outputs)
               if Path(out.name).read_text() != alone.stdout]
    stored, twice = stored_twice(listing, home)
    faults += [f'predicted twice: {path}' for path in twice]
    if stored != 4: faults.append(f'{stored} predictions stored of 4 clips')
    return dict(predictions=n), faults


@contextmanager
def read_only(home):
    "`home` on a file system that is mounted read-only; only root may do that"
    for options in ['--bind', home], ['-o', 'remount,ro,bind']:
        subprocess.run(['mount', *map(str, options), str(home)], check=True)
    try: yield home
    finally: subprocess.run(['umount', '-l', home], check=True)

@contextmanager
def forbidden(home):
    "`home` below a file: nothing can be written there, whoever asks"
    home.with_name('file').touch()
    yield home.with_name('file')/'home'

ANSWERS = 'corpora', 'card', 'cache', 'cache --clear', 'weights', 'predict CLIP', 'predict CLIP --plot FOLDER/figures'
REFUSALS = ('check CLIPS', f'tables --scale tiny --only {TABLE} --reports FOLDER/reports', 'get emodb --yes',
            'weights fetch vggface', 'submit --corpus synthetic --scale tiny --out FOLDER/submission')

def try_commands(home, folder, kind, answers=ANSWERS, refusals=REFUSALS):
    "Commands that need not write must answer; the others are refused in one line that names the home"
    clip = clips()[-1]
    names = dict(CLIP=str(clip), FOLDER=str(folder), CLIPS=str(clip.parents[2]))
    faults = []
    for words in (*answers, *refusals):
        p = run(home, *(re.sub('CLIPS?|FOLDER', lambda m: names[m[0]], word) for word in words.split()))
        lines, where = own_lines(p.stderr), f'{kind}: {words}'
        if 'Traceback' in p.stderr: faults.append(f'{where}: {p.stderr[-2000:]}')
        elif words in answers and p.returncode: faults.append(f'{where}: refused: {lines}')
        elif words in refusals and (p.returncode != 1 or len(lines) != 1 or str(home) not in lines[0]):
            faults.append(f'{where}: exit {p.returncode}, {lines}')
    return dict(homes=1, tried=len(answers) + len(refusals)), faults

def try_read_only(folder, whole):
    "Homes that cannot be written: below a file; as root also mounted read-only, empty and with everything in it"
    figures, faults = Counter(), []
    kinds = dict(forbidden=forbidden, mounted=read_only) if os.geteuid() == 0 else dict(forbidden=forbidden)
    for kind, make in kinds.items():
        (folder/kind/'home').mkdir(parents=True)
        with make(folder/kind/'home') as home: counts, found = try_commands(home, folder/kind, kind)
        figures.update(counts)
        faults += found
    if os.geteuid() == 0:
        counts, found = try_complete(folder/'complete')
        figures.update(counts)
        faults += found
    return figures, faults

def try_complete(folder):
    "A read-only home that holds all results"
    home = folder/'home'
    share_synthetic(home)
    answers = f'tables --scale tiny --only {TABLE} --seeds 2 --reports FOLDER/reports', 'check CLIPS', 'predict CLIP'
    faults = try_commands(home, folder, 'to be completed', answers, ())[1]
    with read_only(home): figures, found = try_commands(home, folder, 'complete', answers, ())
    return figures, faults + found

def try_no_locks(folder, whole):
    "Homes on file systems without locks"
    faults = []
    for name in NO_LOCKS:
        home = folder/name/'home'
        share_synthetic(home)
        p = start(home, folder/name/'reports', EMOTIW_TEST_NO_LOCKS=name)
        errors = p.communicate(timeout=600)[1]
        lines = [line for line in own_lines(errors) if 'has no locks' in line]
        if p.returncode or 'Traceback' in errors or len(lines) != 1: faults.append(f'{name}: {errors[-2000:]}')
        elif csv_of(folder/name/'reports') != whole: faults.append(f'{name}: another csv')
    return {'no locks': len(NO_LOCKS)}, faults

def empty_corpus(folder, whole, after):
    "The clips of a corpus vanish `after` seconds; once they are back, the same command goes on"
    corpus, aside, home = folder/'corpus', folder/'aside', folder/'home'
    share_synthetic(home)
    shutil.copytree(clips()[0].parents[2], corpus)
    p = start(home, folder/'reports', corpus=corpus)
    try: p.wait(timeout=after)
    except subprocess.TimeoutExpired: os.rename(corpus, aside)
    corpus.mkdir(exist_ok=True)
    errors = p.communicate(timeout=600)[1]
    lines = [line for line in own_lines(errors) if str(corpus) in line]
    faults = [f'emptied after {after:.1f} s: {errors[-2000:]}'] if 'Traceback' in errors else []
    if p.returncode and len(lines) != 1: faults.append(f'emptied after {after:.1f} s: {own_lines(errors)}')
    if aside.exists():
        corpus.rmdir()
        os.rename(aside, corpus)
    again = rebuild(home, folder/'reports', corpus=corpus)
    if again != whole: faults.append(f'emptied after {after:.1f} s: another csv')
    return dict(emptied=1, stopped=int(p.returncode != 0)), faults

def empty_corpora(folder, seconds, n=4, seed=0):
    "Corpora that are emptied at random moments of a rebuild"
    corpus = folder/'whole'/'corpus'
    shutil.copytree(clips()[0].parents[2], corpus)
    share_synthetic(folder/'home')
    whole = rebuild(folder/'home', folder/'reports', corpus=corpus)
    figures, faults = Counter(), []
    for k, after in enumerate(np.random.default_rng(seed).uniform(2, seconds, n)):
        (folder/f'{k}').mkdir()
        counts, found = empty_corpus(folder/f'{k}', whole, after)
        figures.update(counts)
        faults += found
    return figures, faults


def try_all(folder, whole, seconds, only=(), show=print):
    "Every check of this file, or those named in `only`; the figures, and every fault"
    share_synthetic(folder/'table home')
    wholes = {TABLE: whole, TABLES[1]: rebuild(folder/'table home', folder/'table', table=TABLES[1])}
    checks = {'the same table': lambda f: rebuild_together(f, [TABLE]*2, wholes),
              'different tables': lambda f: rebuild_together(f, TABLES, wholes),
              'cleared': lambda f: clear_during(f, whole), 'predictions': predict_together,
              'read-only': lambda f: try_read_only(f, whole), 'no locks': lambda f: try_no_locks(f, whole),
              'emptied': lambda f: empty_corpora(f, seconds)}
    figures, faults = Counter(), []
    for name, check in checks.items():
        if only and name not in only: continue
        (folder/name).mkdir()
        begun = time.time()
        counts, found = check(folder/name)
        figures.update(counts)
        faults += [f'{name}: {fault}' for fault in found]
        show(name, dict(counts), f'{time.time() - begun:.0f} s', *found, flush=True)
    return figures, faults

if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder)/'reference').mkdir()
        whole, seconds = reference(Path(folder)/'reference')
        sys.exit(min(len(try_all(Path(folder), whole, seconds, sys.argv[1:])[1]), 1))
