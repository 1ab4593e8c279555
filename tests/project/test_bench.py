"The comparison with other packages; tools/bench.py makes it"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
import math
from dataclasses import replace
import pytest
from robustness.test_bounds import tool


@pytest.fixture(scope='module')
def bench(): return tool('bench')

@pytest.fixture(scope='module')
def rows(bench):
    "A cheap pair, one whose peer and one whose corpus is absent"
    bench.DISTRIBUTIONS['no_such_module'] = 'no-such-peer'
    pair, *_ = [replace(p, repetitions=3) for p in bench.pairs(bench.ROOT/'absent') if p.peer.startswith('affine')]
    no_clips = next(p for p in bench.pairs(bench.ROOT/'absent') if p.corpus)
    return [bench.measure(p) for p in (pair, replace(pair, module='no_such_module'), no_clips)]

def test_a_pair_does_the_same_work_in_turns(rows):
    row = rows[0]
    assert row['n'] == 3 and row['difference'] <= 1 and not row['missing']
    assert 0 < row['low'] <= row['ratio'] <= row['high'] < math.inf
    assert 0 < row['ours_ms'] < 1000 and 0 < row['peer_ms'] < 1000

def test_what_is_absent_is_said(bench, rows):
    assert [row['missing'] for row in rows[1:]] == ['not installed', 'absent is absent']
    assert all('ratio' not in row for row in rows[1:])
    row, labels, accuracies = bench.fer_report(bench.ROOT/'absent', {})
    assert row['missing'].startswith('not measured') and not labels and not accuracies

def test_turns_begin_with_ours(bench):
    calls = []
    ours, theirs = (lambda name=name: calls.append(name) for name in ('ours', 'theirs'))
    trial = bench.Trial(ours, theirs, lambda a, b: bench.Agreement(0, ''))
    bench.measure(bench.Pair('work', 'ours', 'theirs', 'json', lambda: trial, 2))
    turns = [c for i, c in enumerate(calls) if not i or calls[i - 1] != c]
    assert turns == ['ours', 'theirs']*3     # a warm-up and two measurements

def test_labels_of_fer_are_read_and_compared(bench, tmp_path, monkeypatch):
    "Ratios are of the processor time of one clip"
    labels = [bench.Labels('a', 'Happy', 'Happy', 20., 'Happy', 10.), bench.Labels('b', 'Sad', None, 30., 'Sad', 10.),
              bench.Labels('c', 'Sad', 'Sad', 10., None, None)]
    row = bench.fer_row(labels)
    assert (row['ratio'], row['low'], row['high'], row['n'], row['difference']) == (2.5, 2., 3., 2, .5)
    counts = bench.accuracy_rows(labels)
    assert counts['fer, faces'] == dict(right=2, of=3, percent=200/3)
    fer = dict(processor='another', clips={})
    assert bench.fer_report(tmp_path, fer)[0]['missing'] == 'measured on another processor: another'

def test_numbers_are_short(bench):
    assert list(map(bench.in_digits, (21684.2, 5.54, .033333, None))) == ['21684', '5.54', '0.0333', '']

def test_the_page_is_written(bench, rows, tmp_path):
    report = dict(commit='0', machine=bench.machine(), versions=bench.library_versions(rows), rows=rows, accuracies={})
    page = bench.write_report(tmp_path, report, []).read_text()
    for text in 'torchvision: affine, horizontal_flip', 'no-such-peer', 'not installed', 'absent is absent':
        assert text in page
    assert json.loads((tmp_path/'bench.json').read_text())['rows'] == rows
    assert (tmp_path/'static').exists() and 'labels.csv' not in page
