"`emotiw compare` on the committed reports, and the line with which `emotiw tables` ends in a git clone"
from emotiw import cli
import io
import shutil
import subprocess
import sys
import tarfile
from types import SimpleNamespace
import pandas as pd
import pytest
from emotiw.core import UserError
from emotiw.reporting import build
from emotiw.reporting.compare import _extract, compare_reports, compare_with_commit, conclusion
from repository import root

NAMES = 'synthetic', 'java_sed'
TABLE = 'ding2016_table3'


@pytest.fixture
def copy(tmp_path):
    "A function that copies a committed report without its pages"
    def copied(name='synthetic'):
        folder = tmp_path/name
        folder.mkdir()
        for p in (root/'reports'/name).iterdir():
            if p.suffix in ('.csv', '.ipynb'): shutil.copy(p, folder)
        return folder
    return copied

def edit(path, change):
    "Change a csv file as a table of text"
    table = change(pd.read_csv(path, index_col=0, dtype=str, keep_default_na=False))
    table.to_csv(path)

def flip(table):
    "The first contrast concludes otherwise"
    concludes = conclusion(table.iloc[0].to_dict())
    table.loc[table.index[0], 'p_holm'] = '0.9000' if concludes in ('above', 'below') else '0.0001'
    return table

def run(capsys, *words):
    "Exit code of `emotiw words`, its stdout, and its own lines on stderr"
    sys.argv = ['emotiw', *map(str, words)]
    with pytest.raises(SystemExit) as e: cli.main()
    out, err = capsys.readouterr()
    return e.value.code or 0, out, [line for line in err.splitlines() if line.startswith('emotiw: ')]

def commit(folder):
    "Make `folder` a git clone with one commit"
    git = ['git', '-C', folder, '-c', 'user.name=ann', '-c', 'user.email=ann@example.org']
    for words in ['init'], ['add', '.'], ['commit', '-m', 'All']:
        subprocess.run([*git, *words], check=True, capture_output=True)


def test_older_reports_do_not_say_what_rows_stand_on(copy, tmp_path):
    newer, older = copy(), tmp_path/'older'
    shutil.copytree(newer, older)
    edit(newer/f'{TABLE}.csv', lambda table: table.assign(stands_on='IR50, did not learn'))
    edit(newer/f'{TABLE}_contrasts.csv', lambda table: table.assign(did_not_learn='IR50'))
    for file, column in (f'{TABLE}.csv', 'stands_on'), (f'{TABLE}_contrasts.csv', 'did_not_learn'):
        edit(older/file, lambda table, column=column: table.drop(columns=column, errors='ignore'))
    for a, b in (newer, older), (older, newer):
        comparison = compare_reports(a, b)
        assert comparison.ok and set(comparison.rows.outcome) == {'equal'}


@pytest.mark.parametrize('name', NAMES)
def test_a_report_equals_itself(name):
    comparison = compare_reports(root/'reports'/name, root/'reports'/name)
    assert comparison.ok and set(comparison.rows.outcome) == {'equal'} and set(comparison.files.outcome) == {'equal'}
    assert len(comparison.rows) > 150 and len(comparison.contrasts) > 15 and len(comparison.common) == 14
    compared = {*comparison.rows.file, *comparison.contrasts.file, *comparison.files.file}
    empty = {p.stem for p in (root/'reports'/name).glob('*.csv') if len(p.read_text().splitlines()) < 2}
    assert compared | empty == {p.stem for p in (root/'reports'/name).glob('*.csv')}


def test_a_missing_row_and_a_flipped_contrast_are_named(copy, capsys):
    changed = copy()
    edit(changed/f'{TABLE}.csv', lambda table: table.drop('scheme 2'))
    edit(changed/f'{TABLE}_contrasts.csv', flip)
    code, out, lines = run(capsys, 'compare', root/'reports/synthetic', changed)
    assert code == 1 and not lines
    assert f'different: {TABLE}, scheme 2: only in A' in out
    assert f'flipped: {TABLE}_contrasts, scheme 3 against ' in out
    assert ' 1 different; ' in out.splitlines()[-1] and ' 1 flipped; ' in out.splitlines()[-1]


def test_noise_is_no_difference(copy, capsys):
    changed = copy()
    def move(table):
        moved = table.index[table.sd != ''][0]
        table.loc[moved, 'ours'] = f'{float(table.loc[moved, "ours"]) + .1:.4f}'
        return table
    edit(changed/'zhou2019_table2.csv', move)
    (changed/'summary.csv').unlink()
    code, out, lines = run(capsys, 'compare', root/'reports/synthetic', changed)
    assert code == 0 and ', 1 within training noise; ' in out and 'other csv that differ: summary' in out


@pytest.mark.parametrize('edited, old, new, expected', [
    ('ipynb', "scale = 'quick'", "scale = 'paper'", 'different scales (quick and paper)'),
    ('ipynb', "folds = 'split'", "folds = 'group'", 'different folds (split and group)'),
    ('ipynb', "images = 'synthetic'", "images = 'x/ferplus'", 'different image sets (synthetic and ferplus)'),
    ('ipynb', "voices = 'synthetic'", "voices = 'x/speech'", 'different voices (synthetic and speech)'),
    ('ipynb', "corpus = 'synthetic'", "corpus = 'x/AFEW'", 'different corpora (synthetic and AFEW)'),
    ('ipynb', '"cells": [', '"cells": ', f'{TABLE}.ipynb: no executed notebook'),
    ('csv', 'ours', 'ours,ours', 'is no number')])
def test_what_cannot_be_compared_is_refused_in_one_line(edited, old, new, expected, copy, capsys):
    changed = copy()
    file = changed/f'{TABLE}.{edited}'
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    code, out, lines = run(capsys, 'compare', root/'reports/synthetic', changed)
    assert code == 1 and not out and len(lines) == 1 and expected in lines[0], lines


def test_tables_ends_with_the_committed_report(copy, tmp_path, monkeypatch, capsys):
    report = copy()
    plan = SimpleNamespace(report_dir=report, pending=[])
    monkeypatch.setattr(build, 'make_plan', lambda *a: plan)
    monkeypatch.setattr(build, 'rebuild', lambda *a: ['index.html'])
    assert run(capsys, 'tables') == (0, 'index.html\n', [])          # no clone
    commit(tmp_path)
    code, out, lines = run(capsys, 'tables')
    assert (code, out, len(lines)) == (0, 'index.html\n', 1)
    assert lines[0].startswith('emotiw: against the committed report: ') and ' equal; ' in lines[0]
    edit(report/f'{TABLE}_contrasts.csv', flip)
    code, out, lines = run(capsys, 'tables')
    assert code == 0 and ' 1 flipped; ' in lines[0]
    assert run(capsys, 'compare', report)[0] == 1
    for p in report.glob('*.ipynb'): p.write_text(p.read_text().replace("scale = 'quick'", "scale = 'tiny'"))
    code, out, lines = run(capsys, 'tables')
    assert code == 0 and 'not comparable, different scales (tiny and quick)' in lines[0]


def test_without_git_nothing_is_said(monkeypatch):
    monkeypatch.setenv('PATH', '')
    assert compare_with_commit(root/'reports/synthetic') == ''
    with pytest.raises(UserError, match='no committed report'): compare_reports(root/'reports/synthetic')


def test_only_csv_files_and_notebooks_are_extracted(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as tar:
        for name in 'a.csv', 'b.ipynb', 'c.html', 'in/d.csv', '../e.csv', str(tmp_path/'f.csv'):
            tar.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo('g.csv')
        link.type, link.linkname = tarfile.SYMTYPE, 'a.csv'
        tar.addfile(link)
    (tmp_path/'out').mkdir()
    _extract(buffer.getvalue(), tmp_path/'out')
    assert sorted(p.name for p in tmp_path.rglob('*')) == ['a.csv', 'b.ipynb', 'out']
