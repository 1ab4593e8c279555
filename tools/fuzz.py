"""Try damaged input of every kind: python tools/fuzz.py [N] [SEED] [--only NUMBER] [--out FILE]; 1 on a fault"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]/'tests'))
from robustness.trials import KINDS, Bench, run_inputs
from emotiw.core import commit
from repository import root

OUTCOMES = {'answered': 'answered', 'named': 'named', 'caught': 'named, unforeseen', 'fault': 'faults'}


def counts(results):
    "Inputs tried, by outcome, and what they took at most"
    by_outcome = Counter(r.outcome for r in results)
    row = dict(tried=len(results)) | {text: by_outcome[outcome] for outcome, text in OUTCOMES.items()}
    return row | {'slowest, s': max(r.seconds for r in results), 'largest, MB': max(r.megabytes for r in results)}

def grouped(results, name):
    "Value of the field `name` -> its `counts`"
    values = dict.fromkeys(getattr(r, name) for r in results)
    return {value: counts([r for r in results if getattr(r, name) == value]) for value in values}

def report(results, seed, seconds):
    "All of a run, as JSON values"
    faults = [dict(number=r.number, seed=seed, kind=r.kind, damage=r.damage, reason=r.reason) for r in results
              if r.outcome == 'fault']
    return dict(inputs=len(results), seed=seed, commit=commit(), minutes=round(seconds/60, 1), all=counts(results),
                by_kind=grouped(results, 'kind'), by_damage=grouped(results, 'damage'), faults=faults)

def table(results):
    "One row per kind of input"
    rows = {kind: row for kind in KINDS for value, row in grouped(results, 'kind').items() if value == kind}
    return pd.DataFrame(rows | dict(all=counts(results))).T.convert_dtypes()

def show_progress(n):
    "The number of inputs tried so far, on one line"
    if sys.stderr.isatty(): print(f'\r{n}', end='', file=sys.stderr)

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('n', type=int, nargs='?', default=2000, help='number of inputs')
    parser.add_argument('seed', type=int, nargs='?', default=0, help='of all inputs')
    parser.add_argument('--only', type=int, help='this one of the inputs, with its reason')
    parser.add_argument('--out', type=Path, default=root/'reports'/'robustness'/'fuzz.json', help='the report to write')
    options = parser.parse_args()
    start = time.time()
    numbers = range(options.n) if options.only is None else [options.only]
    with Bench() as bench: results = run_inputs(bench, numbers, options.seed, show_progress)
    if options.only is None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report(results, options.seed, time.time() - start), indent=1)
        options.out.write_text(text + '\n')
        print(table(results).to_string())
    else: print(results[0])
    faults = [r for r in results if r.outcome == 'fault']
    for r in faults: print(f'fault: {r.kind}, {r.damage}, number {r.number}, seed {options.seed}: {r.reason}')
    sys.exit(bool(faults))
