"""The page of what was tried and survived, from the two runs that it names: python tools/robustness_page.py
after python tools/fuzz.py and python tests/robustness/crashes.py"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
from pathlib import Path
import pandas as pd
from emotiw.reporting.html import table_html, write_page, write_static

FOLDER = Path(__file__).resolve().parents[1]/'reports/robustness'
WORDS = {
    'kills': 'times killed', 'group': '- the command and all it started', 'worker': '- one of its processes',
    'damage power': '- then files cut, emptied or zeroed', 'damage bits': '- then bits flipped',
    'damage clock': '- then the clock turned back', 'rebuilds': 'rebuilt to the end', 'equal': '- with the same csv',
    'disks': 'disks of random size', 'full': '- full before the end', 'pairs': 'two commands at once on one home'}


def crash_rows(counts):
    "What was done -> how often"
    return {text: counts[name] for name, text in WORDS.items() if counts.get(name)}

def write():
    "Write the page"
    fuzz, crashes = (json.loads((FOLDER/f'{name}.json').read_text()) for name in ('fuzz', 'crashes'))
    inputs = pd.DataFrame(fuzz['by_kind'] | dict(all=fuzz['all'])).T.convert_dtypes()
    rows = pd.Series(crash_rows(crashes['figures'])).to_frame('times')
    faults = [f"{f['kind']}, {f['damage']}, number {f['number']}: {f['reason']}" for f in fuzz['faults']]
    write_static(FOLDER)
    return write_page(
        FOLDER/'index.html', 'robustness.html', 'What was tried, and survived', breadcrumbs=(),
        inputs=table_html(inputs, 'inputs'), crashes=table_html(rows, 'crashes'),
        inputs_from='{inputs} inputs of seed {seed}, in {minutes} minutes, at {commit}.'.format(**fuzz),
        crashes_from='At {commit}; an undisturbed rebuild took {seconds} s.'.format(**crashes),
        faults=faults + crashes['faults'])


if __name__ == '__main__': print(write())
