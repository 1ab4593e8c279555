"""Write the README's tables from the committed reports, its example from the bundled model, and nbs/README.md from the notebooks' first cells: python tools/readme.py"""
import io
import json
import re
from pathlib import Path
import pandas as pd
from rich.console import Console
from emotiw.data.load import open_corpus
from emotiw.inference.model import accuracy_lines, card
from emotiw.inference.predict import predict
from emotiw.inference.terminal import summary
from emotiw.reporting.tables import shown

ROOT = Path(__file__).parents[1]
ROWS = dict(zhou2019_table2=['sound alone', 'faces alone', 'concatenation', 'Transformer x Transformer'], ding2016_table3=['faces alone', 'sound alone', 'scheme 1', 'scheme 3'],
            lu2018_models=['VGG-Face (random numbers)', 'ResNet-50 (resnet18)', 'C3D', 'sound (random numbers)', 'VGG-Face + ResNet-50 + C3D + sound'])
COLUMNS = ['published, %', 'ours, %', 'k/N', '95 % interval', 'over groups', 'sd of seeds', 'verdict']

def table(csv):
    "The README's part of a report's table, as markdown"
    t = shown(pd.read_csv(csv, index_col=0)).loc[ROWS[csv.stem]]
    t = t[[c for c in COLUMNS if c in t and t[c].any()]]
    lines = [['', *t.columns], ['---']*(1 + len(t.columns)), *([n + (' (FBP)' if ' x ' in n else ''), *r] for n, r in zip(t.index, t.values.tolist()))]
    return '\n'.join('| ' + ' | '.join(l) + ' |' for l in lines)

def example():
    "What the bundled model says of a made clip, as a terminal shows it"
    clips = open_corpus('synthetic', 'tiny').clips
    terminal = Console(width=100, file=io.StringIO(), force_jupyter=False)
    terminal.print(summary(predict(clips.path[clips.emotion == 'Happy'].iloc[0])))
    return '```\n' + '\n'.join(line.rstrip() for line in terminal.file.getvalue().splitlines()) + '\n```'

def limits():
    "How well the bundled model does, from its card"
    return '\n'.join(accuracy_lines(card()))

WRITERS = dict(example=example, limits=limits)

def filled(text):
    "`text` with every marked part as its report, or the model, has it"
    part = re.compile(r'(<!-- (\w+): written by \S+ from (\S+) -->\n).*?(<!-- /\2 -->)', re.S)
    return part.sub(lambda m: f'{m[1]}{WRITERS[m[2]]() if m[2] in WRITERS else table(ROOT/m[3])}\n{m[4]}', text)

PARTS = {'0': 'The foundation: numbers, corpora, faces, sound, features, training, runs', '1': 'Features, networks, kernels, fusion', '2': 'The papers, and the pieces of a page', '3': 'A label for a clip, reports, the command line',
         '5': 'Tables of ding2016', '6': 'Tables of lu2018', '7': 'Tables of zhou2019', '8': 'A clip by hand', '9': 'All papers'}

def line(notebook):
    "A row of the list: the notebook, and what its first cell says in a line"
    title, _, summary = ''.join(json.loads(notebook.read_text())['cells'][0]['source']).partition('\n')
    told = ' '.join(summary.split()).removeprefix('> ')
    return f'| [{notebook.stem}]({notebook.name}) | {told} |'

def listed():
    "nbs/README.md: every notebook with one line, in reading order"
    parts = [f'## {what}\n\n| notebook | |\n| --- | --- |\n' + '\n'.join(line(p) for p in sorted((ROOT/'nbs').glob(f'{n}*.ipynb'))) for n, what in PARTS.items()]
    return '# The notebooks\n\nIn reading order, which is the order in which they import each other. Written by tools/readme.py from their first cells.\n\n' + '\n\n'.join(parts) + '\n'

if __name__ == '__main__':
    (ROOT/'README.md').write_text(filled((ROOT/'README.md').read_text()))
    (ROOT/'nbs/README.md').write_text(listed())
