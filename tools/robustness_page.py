"""The page of what was tried and survived, from the three runs that it names: python tools/robustness_page.py
after python tools/fuzz.py, python tests/robustness/crashes.py and python tools/bounds.py"""
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
    'quick kills': 'quick rebuilds in which one running process was killed',
    'quick, went on': '- went on and ended well; the others ended in a line, and were started again',
    'quick, missed': 'quick rebuilds that ended before their kill, and do not count',
    'disks': 'disks of random size', 'full': '- full before the end', 'pairs': 'the same table twice at once',
    'tables': 'different tables at once', 'stored': '- results stored meanwhile, each by one of two',
    'clears': 'cache cleared during a run', 'deleted': '- stored features deleted',
    'predictions': 'predictions at once', 'homes': 'homes that are read-only', 'tried': '- commands tried in them',
    'no locks': 'homes without locks', 'emptied': 'corpora emptied during a run',
    'stopped': '- runs that ended with the name of a clip'}


def crash_rows(counts):
    "What was done -> how often"
    return {text: counts[name] for name, text in WORDS.items() if counts.get(name)}

def bounds_table(rows):
    "One row per command and size, with the growth of memory and time from the size before"
    first = {command: i for i, command in enumerate(dict.fromkeys(row['command'] for row in rows))}
    table = pd.DataFrame(sorted(rows, key=lambda row: first[row['command']]))
    steps = table.groupby('command', sort=False)[['size', 'peak', 'seconds']].diff()
    table['size'] = [f'{size:,} {unit}' for size, unit in zip(table['size'], table.unit)]
    table['KiB per unit'] = (1024*steps.peak/steps['size']).round(1)
    table['ms per unit'] = (1000*steps.seconds/steps['size']).round(2)
    names = {'seconds': 's', 'peak': 'peak, MiB', 'lines': 'lines printed', 'output': 'output, KiB'}
    return table.set_index('command').drop(columns=['unit', 'code']).rename(columns=names)

def write():
    "Write the page"
    fuzz, crashes, bounds = (json.loads((FOLDER/f'{name}.json').read_text()) for name in ('fuzz', 'crashes', 'bounds'))
    inputs = pd.DataFrame(fuzz['by_kind'] | dict(all=fuzz['all'])).T.convert_dtypes()
    figures = {name: n for part in crashes.values() for name, n in part['figures'].items()}
    rows = pd.Series(crash_rows(figures)).to_frame('times')
    faults = [f"{f['kind']}, {f['damage']}, number {f['number']}: {f['reason']}" for f in fuzz['faults']]
    write_static(FOLDER)
    return write_page(
        FOLDER/'index.html', 'robustness.html', 'What was tried, and survived', breadcrumbs=(),
        inputs=table_html(inputs, 'inputs'), crashes=table_html(rows, 'crashes'),
        inputs_from='{inputs} inputs of seed {seed}, in {minutes} minutes, at {commit}.'.format(**fuzz),
        crashes_from=' '.join('{}: at {commit}; an undisturbed rebuild at tiny took {seconds} s.'.format(name, **part)
                              for name, part in crashes.items()),
        bounds=table_html(bounds_table(bounds['rows']), 'memory and time', sortable=False),
        bounds_from='At {commit}, on {cores} cores of {processor} with {gib} GiB.'.format(
            commit=bounds['commit'], **bounds['machine']),
        faults=faults + [fault for part in crashes.values() for fault in part['faults']])


if __name__ == '__main__': print(write())
