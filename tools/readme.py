"""Write what the README takes from runs and code: its tables, example and pictures, the list of notebooks, the list of
reports: python tools/readme.py"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import html
import io
import json
import re
from pathlib import Path
import pandas as pd
from rich.console import Console
from emotiw.core import EMOTIONS
from emotiw.data.load import open_corpus
from emotiw.hashing import import_closure
from emotiw.inference.card import accuracy_lines
from emotiw.inference.figure import plot
from emotiw.inference.model import load_card
from emotiw.inference.predict import predict
from emotiw.inference.terminal import summary
from emotiw.reporting.claims import NOT_TESTABLE, claim_outcomes, format_points
from emotiw.reporting.drilldown import learning_mark

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT/'reports/readme'
REPORTS = dict(synthetic='synthetic corpus', java_sed='Java-SED')
OTHERS = dict(ravdess_speech='RAVDESS speech, which has no faces')     # listed once they are there
# table and row of each headline, what the README calls it
HEADLINES = [('ding2016_table3', 'scheme 3', 'ding2016: faces and sound fused, scheme 3'),
             ('lu2018_models', 'VGG-Face + ResNet-50 + C3D + sound', 'lu2018: four networks fused'),
             ('zhou2019_table2', 'concatenation', 'zhou2019: concatenation'),
             ('zhou2019_table2', 'Transformer x Transformer', 'zhou2019: transformer attention, FBP')]


def markdown_rows(rows):
    "Rows of cells as markdown, the first one as the head"
    head, *body = [[str(cell) for cell in row] for row in rows]
    return '\n'.join(f'|{"|".join(row)}|' for row in (head, ['---']*len(head), *body))


def example_clip():
    "A clip of the synthetic corpus, on which the bundled model was not trained"
    clips = open_corpus('synthetic', 'tiny').clips
    return clips.path[clips.emotion == 'Happy'].iloc[0]


def example():
    "The bundled model's prediction, as a terminal shows it"
    terminal = Console(width=100, file=io.StringIO(), force_jupyter=False)
    terminal.print(summary(predict(example_clip())))
    lines = [line.rstrip() for line in terminal.file.getvalue().splitlines()]
    return '\n'.join(['```', *lines, '```'])


def short(text):
    "`text` with '113/192' for '113.0/192'; the mean of several runs keeps its decimal"
    return text.replace('.0/', '/')


def limits():
    "Accuracy of the bundled model, from its card"
    lines = accuracy_lines(load_card())
    return short('\n'.join(line.replace(' | ', '|').replace('| ', '|').replace(' |', '|') for line in lines))


def chance_level(report):
    "Accuracy of guessing on a report's corpus, per cent: one in as many emotions as it has"
    return 100/len(pd.read_csv(ROOT/f'reports/{report}/ding2016_confusion_matrix.csv', index_col=0).columns)


def accuracy_cell(row):
    "Accuracy of a row of a table, and whether a network that it stands on did not learn"
    texts = f'{row.ours:.1f} ({short(row.k_of_n)})', learning_mark(row.get('stands_on'))
    return ', '.join(filter(None, texts))


def headlines():
    "One row per headline: published, and ours on both corpora with its interval"
    names = [cell for name in REPORTS.values() for cell in (f'{name}, %', '95 % interval')]
    rows = [['system', 'published, %', *names]]
    chance = [cell for report in REPORTS for cell in (f'{chance_level(report):.1f}', '')]
    rows.append(['chance', f'{100/len(EMOTIONS):.1f}', *chance])
    for table, row, name in HEADLINES:
        cells = [pd.read_csv(ROOT/f'reports/{report}/{table}.csv', index_col=0).loc[row] for report in REPORTS]
        ours = [text for c in cells for text in (accuracy_cell(c), f'{c.low:.1f} to {c.high:.1f}')]
        rows.append([name, f'{cells[0].published:.1f}', *ours])
    return markdown_rows(rows)


def claim_cell(outcome):
    "The outcome of a claim with its points, or with the reason why it is not testable"
    points = '; '.join(format_points(test) for test in outcome.tests)
    return f'{outcome.outcome}: {outcome.why if outcome.outcome == NOT_TESTABLE else points}'


def claims():
    "One row per paper: its most important claim, published, and its outcome in both reports"
    outcomes = [claim_outcomes(ROOT/f'reports/{report}') for report in REPORTS]
    rows = [['claim', 'published', *REPORTS.values()]]
    for name, outcome in outcomes[0].items():
        claim = outcome.claim
        if not claim.headline: continue
        cells = [claim_cell(o[name]) for o in outcomes]
        rows.append([f'{claim.paper}: {claim.claim}', claim.published.partition(';')[0], *cells])
    return markdown_rows(rows)


WRITERS = dict(example=example, limits=limits, headlines=headlines, claims=claims)


def filled(text):
    "`text` with every marked part as its run has it"
    marked = re.compile(r'(<!-- (\w+): .*? -->\n).*?(<!-- /\2 -->)', re.S)
    return marked.sub(lambda m: f'{m[1]}{WRITERS[m[2]]()}\n{m[3]}', text)


# The drawing of the packages

# from the top down; core: the modules that are in no package
PACKAGES = [['cli'], ['papers', 'inference', 'reporting'], ['models'], ['experiments'], ['data', 'features'],
            ['synthetic', ''], ['core']]   # '': an empty place
CONTENTS = dict(
    cli='the command line', papers='ding2016, lu2018, zhou2019', inference='emotiw predict',
    reporting='tables and pages', models='networks, kernels, fusion', experiments='training, runs, leaks',
    data='corpora, splits', features='faces, sound, cache', synthetic='faces and voices by code',
    core='hashing, metrics, seeds')


def package_of(module):
    "The package of a module's name without 'emotiw.'"
    name = module.partition('.')[0]
    return name if name in CONTENTS else 'core'


def package_imports():
    "Package -> packages that its modules reach by imports"
    imports = {name: set() for name in CONTENTS}
    for path in sorted((ROOT/'emotiw').rglob('*.py')):
        module = '.'.join(path.relative_to(ROOT/'emotiw').with_suffix('').parts)
        if path.name.startswith('_'): continue
        reached = import_closure(f'emotiw.{module}')
        imports[package_of(module)] |= {package_of(name.removeprefix('emotiw.')) for name in reached}
    return {name: reached - {name} for name, reached in imports.items()}


def direct_imports(imports):
    "`imports` without those that follow from others"
    def reached(name): return imports[name].union(*(reached(n) for n in imports[name]))
    return {name: used - set().union(*(reached(n) for n in used)) for name, used in imports.items()}


def packages_svg():
    "The packages and their imports as a drawing"
    width, height, gap = 200, 44, 26
    place = {}
    for level, names in enumerate(PACKAGES):
        left = 330 - (len(names)*width + (len(names) - 1)*16)/2
        for k, name in enumerate(names):
            if name: place[name] = left + k*(width + 16), 8 + level*(height + gap)
    lines = []
    for name, used in sorted(direct_imports(package_imports()).items()):
        for other in sorted(used):
            (x, y), (x2, y2) = place[name], place[other]
            line = f'M{x + width/2:.0f} {y + height}L{x2 + width/2:.0f} {y2 - 2}'
            lines.append(f'<path d="{line}" marker-end="url(#arrow)"/>')
    boxes = []
    for name, (x, y) in place.items():
        middle = f'{x + width/2:.0f}'
        boxes.append(f'<rect x="{x:.0f}" y="{y}" width="{width}" height="{height}" rx="6"/>'
                     f'<text x="{middle}" y="{y + 18}" class="name">{name}</text>'
                     f'<text x="{middle}" y="{y + 35}">{html.escape(CONTENTS[name])}</text>')
    style = ('text{font:12px sans-serif;text-anchor:middle;fill:#333}.name{font-weight:bold;font-size:14px}'
             'rect{fill:#eef4f8;stroke:#0173b2}path{stroke:#777;fill:none}#arrow path{fill:#777}svg{background:#fff}')
    arrow = ('<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
             '<path d="M0 0L8 4L0 8z"/></marker>')
    total = len(PACKAGES)*(height + gap) - gap + 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {total}" width="660" height="{total}">'
            f'<title>The packages of emotiw and their imports</title><style>{style}</style><defs>{arrow}</defs>\n'
            + '\n'.join([*lines, *boxes]) + '\n</svg>\n')


# The lists of notebooks and of reports

FOLDERS = {'0_core': 'Core: errors, hashing, seeds, plots, metrics',
           '1_synthetic': 'The synthetic corpus and image sets',
           '2_data': 'Corpora, image sets, splits', '3_features': 'Video, faces, audio, the feature cache',
           '4_experiments': 'Training, runs, cluster, leaks',
           '5_models': 'Networks, set models, kernels, attention, fusion',
           '6_papers': 'The papers', '7_inference': 'Predictions for a clip', '8_reporting': 'Tables and pages',
           '9_cli': 'The command line', 'tables': 'The tables of the papers', 'studies': 'Studies'}


def title_and_summary(notebook):
    "The first heading of a notebook and the line below it"
    title, _, rest = ''.join(json.loads(notebook.read_text())['cells'][0]['source']).partition('\n')
    return title.removeprefix('# '), ' '.join(rest.split()).removeprefix('> ')


def listed():
    "nbs/README.md: every notebook with one line, in reading order"
    parts = ['# The notebooks\n\nIn reading order, which is the order in which they import one another. '
             'Written by tools/readme.py from their first cells.']
    for folder, title in FOLDERS.items():
        paths = sorted((ROOT/'nbs'/folder).glob('*.ipynb'))
        rows = [[f'[{p.stem}]({folder}/{p.name})', title_and_summary(p)[1]] for p in paths]
        parts.append(f'## {title}\n\n' + markdown_rows([['notebook', ''], *rows]))
    return '\n\n'.join(parts) + '\n'


def reports_listed():
    "reports/README.md: every table with links to its reports"
    listed = REPORTS | {name: title for name, title in OTHERS.items() if (ROOT/'reports'/name).exists()}
    rows = [['table', *listed.values()],
            ['Claims of the papers, and what became of them', *(f'[list]({report}/claims.csv)' for report in listed)]]
    for notebook in sorted((ROOT/'nbs/tables').glob('*_*.ipynb')):
        title, summary = title_and_summary(notebook)
        rows.append([f'{title}: {summary}', *(f'[report]({report}/{notebook.name})' for report in listed)])
    return ('# The committed reports\n\nEvery table on each corpus, with contrasts, ledger and provenance. '
            'Numbers on the synthetic corpus check the machinery, never a paper. Written by tools/readme.py.\n\n'
            + markdown_rows(rows)
            + '\n\nThe model that comes with the package: [its card and its numbers](bundled/bundled.ipynb).\n')


TEXTS = {'README.md': lambda: filled((ROOT/'README.md').read_text()), 'nbs/README.md': listed,
         'reports/README.md': reports_listed, 'reports/readme/packages.svg': packages_svg}

if __name__ == '__main__':
    PICTURES.mkdir(exist_ok=True)
    plot(example_clip(), PICTURES/'predict.png')
    for name, write in TEXTS.items(): (ROOT/name).write_text(write())
