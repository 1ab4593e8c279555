"Properties of pure functions on values that Hypothesis chooses: metrics, splits, readers, encodings and kernels"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix
from emotiw.core import EMOTIONS, UserError
from emotiw.data.corpus import Corpus, clip_row
from emotiw.data.corpus_readers import read_manifest
from emotiw.data.splits import make_folds, split_train_val
from emotiw.experiments.runs import decode_config, encode_config, to_jsonable
from emotiw.experiments.training import Schedule
from emotiw.hashing import digest
from emotiw.metrics import accuracy, accuracy_interval, confusion, holm, mcnemar, paired_difference, uar, wilson
from emotiw.models.kernels import normalise_kernel, poly, rbf, set_kernels

settings.register_profile('emotiw', derandomize=True, deadline=None, max_examples=60, database=None,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('emotiw')

# Metrics ---------------------------------------------------------------------------------------------------------

names = st.sampled_from(EMOTIONS)
label_pairs = st.lists(st.tuples(names, names), min_size=1, max_size=40)

@pytest.mark.filterwarnings('ignore:y_pred contains classes', 'ignore:A single label', 'ignore:invalid value')
@given(label_pairs, st.randoms(use_true_random=False))
def test_accuracies_agree_with_scikit_learn_in_any_order(pairs, random):
    true, pred = map(list, zip(*pairs))
    shuffled = random.sample(pairs, len(pairs))
    assert accuracy(true, pred) == pytest.approx(accuracy_score(true, pred))
    assert accuracy(true, pred) == pytest.approx(accuracy(*zip(*shuffled)))
    assert uar(true, pred) == pytest.approx(balanced_accuracy_score(true, pred)) == pytest.approx(uar(*zip(*shuffled)))
    assert (confusion(true, pred).to_numpy() == confusion_matrix(true, pred, labels=EMOTIONS)).all()

@given(st.integers(1, 10**6), st.data())
def test_wilson_encloses_the_proportion(n, data):
    k = data.draw(st.integers(0, n))
    low, high = wilson(k, n)
    assert 0 <= low <= k/n + 1e-12 and k/n - 1e-12 <= high <= 1
    assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)

shares = st.lists(st.sampled_from([0., .25, .5, 1.]), min_size=2, max_size=30)

@given(shares, st.randoms(use_true_random=False))
def test_an_interval_of_groups_encloses_the_accuracy(right, random):
    groups = ['ann', 'bob', *(random.choice('abc') for _ in right[2:])]
    for of_groups in None, groups:
        low, high = accuracy_interval(right, of_groups)
        assert 0 <= low <= np.mean(right) + 1e-9 and np.mean(right) - 1e-9 <= high <= 1
    order = random.sample(range(len(right)), len(right))
    again = accuracy_interval([right[i] for i in order], [groups[i] for i in order])
    assert again == pytest.approx(accuracy_interval(right, groups), abs=1e-9)

answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30)

@given(answers)
def test_tests_of_two_systems_have_no_side(pairs):
    a, b = np.array(pairs).T
    assert mcnemar(a, b) == mcnemar(b, a) and 0 <= mcnemar(a, b) <= 1
    there, back = (paired_difference(x, y, random=(False, False)) for x, y in ((a, b), (b, a)))
    assert there.difference == -back.difference and there.p == pytest.approx(back.p) and 0 <= there.p <= 1
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low)) and there.low <= there.high

@given(st.lists(st.floats(0, 1) | st.just(np.nan), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_holm_keeps_the_order_of_p_values(p_values, random):
    p, adjusted = np.array(p_values), holm(p_values)
    tested = ~np.isnan(p)
    assert (np.isnan(adjusted) == ~tested).all()
    assert (adjusted[tested] >= p[tested]).all() and (adjusted[tested] <= 1).all()
    assert (np.diff(adjusted[tested][p[tested].argsort()]) >= 0).all()
    order = random.sample(range(len(p)), len(p))
    assert np.allclose(holm(p[order]), adjusted[order], equal_nan=True)

# Splits ----------------------------------------------------------------------------------------------------------

def corpus_of(rows):
    "A corpus of clips (emotion, split, group) without files"
    def clip(i, emotion, split, group): return clip_row(split, f'{i:03}', Path(f'{i}.avi'), emotion, group)
    table = pd.DataFrame([clip(i, *row) for i, row in enumerate(rows)]).astype(dict(emotion=object, group=object))
    return Corpus('drawn', Path('.'), table, 'manifest')

splits = st.sampled_from(['train', 'val'])
clips = st.lists(st.tuples(names, splits, st.sampled_from('abcdef')), min_size=4, max_size=40)

def folds_or_none(corpus, folds):
    "The folds; None where the corpus is refused with a line that names it"
    try: return make_folds(corpus, folds)
    except UserError as e:
        assert '\n' not in str(e) and (corpus.name in str(e) or folds in str(e))
        return None

@given(clips, st.sampled_from(['split', 'group', 'group:2', 'group:3']))
def test_each_clip_is_tested_once_and_no_group_is_on_both_sides(rows, protocol):
    corpus = corpus_of(rows)
    folds = folds_or_none(corpus, protocol)
    assume(folds)
    tested = [clip for fold in folds for clip in fold.test]
    expected = corpus.split('val') if protocol == 'split' else corpus.clips
    assert sorted(tested) == sorted(expected['clip'])
    group = corpus.clips.set_index('clip').group
    for fold in folds:
        assert not set(fold.train) & set(fold.test)
        if protocol != 'split': assert not set(group[fold.train]) & set(group[fold.test])

@given(clips, st.integers(0, 9), st.booleans())
def test_a_validation_slice_divides_the_training_clips(rows, seed, has_groups):
    if not has_groups: rows = [(emotion, split, None) for emotion, split, _ in rows]
    train_clips = corpus_of(rows).clips
    try: train, val = split_train_val(train_clips, seed)
    except UserError: assume(False)
    assert sorted([*train, *val]) == sorted(train_clips['clip']) and val
    emotion = train_clips.set_index('clip').emotion
    assert set(emotion[train]) == set(emotion)
    shuffled = train_clips.sample(frac=1, random_state=seed)
    assert split_train_val(shuffled, seed) == (train, val)

# Corpus readers --------------------------------------------------------------------------------------------------

letters = st.sampled_from([*'abcXYZ019 _-,;\'"()#&', 'é', '\u0301', '表', 'ß', '\u00a0', '😀', '%', '='])
file_names = st.text(letters, min_size=1, max_size=12).map(lambda name: f'n{name}n.avi')
groups = st.text(letters, max_size=8).map(lambda name: f'g{name}g')

def write_manifest(folder, rows, ending, bom):
    "A manifest of `rows`, and an empty file for each"
    for path, *_ in rows: (folder/path).touch()
    table = pd.DataFrame(rows, columns=['path', 'emotion', 'split', 'group'])
    table.to_csv(folder/'clips.csv', index=False, lineterminator=ending, encoding='utf-8-sig' if bom else 'utf-8')
    return folder/'clips.csv'

manifest_rows = st.lists(st.tuples(file_names, names, splits, groups), min_size=2, max_size=8,
                         unique_by=lambda row: normalize('NFC', row[0]))

@given(manifest_rows, st.sampled_from(['\n', '\r\n']), st.booleans())
def test_a_written_manifest_reads_back(rows, ending, bom):
    assume(len({emotion for _, emotion, _, _ in rows}) > 1)
    with tempfile.TemporaryDirectory() as folder:
        read = read_manifest(write_manifest(Path(folder), rows, ending, bom)).clips
    assert [p.name for p in read.path] == [path for path, *_ in rows]
    assert read[['emotion', 'split', 'group']].to_numpy().tolist() == [list(row[1:]) for row in rows]
    assert list(read['clip']) == [f'{split}/{normalize("NFC", path[:-4])}' for path, _, split, _ in rows]

@given(st.lists(file_names, min_size=2, max_size=5, unique=True), st.data())
def test_a_clip_that_is_listed_twice_is_refused(paths, data):
    rows = [(path, EMOTIONS[i % 2], 'train', 'g') for i, path in enumerate(paths)]
    rows.append(data.draw(st.sampled_from(rows)))
    with tempfile.TemporaryDirectory() as folder:
        csv = write_manifest(Path(folder), rows, '\n', False)
        with pytest.raises(UserError, match='listed more than once') as e: read_manifest(csv)
    assert '\n' not in str(e.value)

# Encodings -------------------------------------------------------------------------------------------------------

plain = st.none() | st.booleans() | st.integers(-10**9, 10**9) | st.floats(allow_nan=False) | st.text(max_size=6)
nested = st.recursive(plain, lambda x: st.lists(x, max_size=3) | st.lists(x, max_size=3).map(tuple)
                      | st.dictionaries(st.text(max_size=4) | st.integers(0, 9), x, max_size=3), max_leaves=8)

@given(nested)
def test_a_configuration_comes_back_as_it_was(value):
    decoded = decode_config(json.loads(json.dumps(encode_config(value))))
    assert repr(decoded) == repr(value) and digest(decoded) == digest(value)

@given(st.integers(1, 99), st.floats(1e-6, 1), st.integers(0, 50))
def test_a_dataclass_comes_back_as_it_was(epochs, lr, patience):
    schedule = Schedule(epochs=epochs, lr=lr, patience=patience)
    decoded = decode_config(json.loads(json.dumps(encode_config({'a': (schedule, Path('/x/y'))}))))
    assert decoded == {'a': (schedule, Path('/x/y'))} and type(decoded['a']) is tuple

@dataclass(frozen=True)
class Own:
    "A dataclass that is not of the package"
    x: object = None

@given(nested, nested)
def test_different_values_have_different_digests(a, b):
    assert (digest(a) == digest(b)) == (repr(sorted_dicts(a)) == repr(sorted_dicts(b)))
    assert digest(Own(a)) != digest(a)
    json.dumps(to_jsonable(a))

def sorted_dicts(x):
    "`x` with the items of its dictionaries in one order, on which a digest does not depend"
    if isinstance(x, dict): return {k: sorted_dicts(x[k]) for k in sorted(x, key=str)}
    return type(x)(map(sorted_dicts, x)) if isinstance(x, (list, tuple)) else x

# Kernels ---------------------------------------------------------------------------------------------------------

MODELS = dict(subspace=[1, 2], covariance=[.01], gaussian=[.01])
sizes = st.lists(st.integers(3, 9), min_size=2, max_size=5)

@settings(max_examples=25)
@given(sizes, st.integers(2, 12), st.integers(0, 999))
def test_set_kernels_are_kernels_of_sets(lengths, d, seed):
    rng = np.random.default_rng(seed)
    sets = [rng.normal(size=(n, d)) for n in lengths]
    permuted = [F[rng.permutation(len(F))] for F in sets]
    order = rng.permutation(len(sets))
    kernels, again = set_kernels(sets, MODELS, device='cpu'), set_kernels(permuted, MODELS, device='cpu')
    moved = set_kernels([sets[i] for i in order], MODELS, device='cpu')
    for key, K in kernels.items():
        scale = np.abs(K).max()
        assert (K == K.T).all() and np.linalg.eigvalsh(K).min() > -1e-9*scale
        assert np.allclose(again[key], K, atol=1e-7*scale)
        assert np.allclose(moved[key], K[np.ix_(order, order)], atol=1e-7*scale)
        unit = normalise_kernel(K)
        assert np.allclose(np.diag(unit), 1) and np.abs(unit).max() < 1 + 1e-9
        for made in poly(unit), rbf(unit): assert np.linalg.eigvalsh(made).min() > -1e-9
