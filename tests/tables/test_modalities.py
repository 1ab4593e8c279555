"Corpora of sound alone and of pictures alone: every table ends, its rows say what is missing, and nothing is searched"
import os
from unittest import mock
import pandas as pd
import pytest
from scipy.io import wavfile
from emotiw.core import cache_path, share_synthetic
from emotiw.data.load import open_corpus
from emotiw.features.audio import load_wave
from emotiw.features.extractors import FaceCrops, Sound
from emotiw.features.video import read_frames, write_clip
from emotiw.reporting.build import table_notebooks
from emotiw.reporting.cost_estimate import dry_run_table

COMPUTED = dict(   # table -> number of rows that are computed from sound alone, and from pictures alone
    ding2016_confusion=(1, 1), ding2016_fig4=(5, 0), ding2016_table2=(7, 0), ding2016_table3=(1, 3),
    ding2016_table5=(0, 0), ding2016_table6=(0, 56), ding2016_table7=(0, 7), zhou2019_table2=(5, 4))
TABLES = ['lu2018_confusion', 'lu2018_fusion', 'lu2018_models', 'zhou2019_table1', 'zhou2019_table3', 'zhou2019_table4']

def write_sound(clip, target):
    "The sound of a clip as a file of its own"
    path = target.with_suffix('.wav')
    wavfile.write(path, 16000, (32767*load_wave(clip).samples).astype('int16'))
    return path

def write_pictures(clip, target): return write_clip(target.with_suffix('.avi'), read_frames(clip, n=8).images, fps=4)

@pytest.fixture(scope='module')
def corpora(tmp_path_factory):
    "Manifests of the tiny synthetic corpus' sound and of its pictures"
    clips = open_corpus('synthetic', 'tiny').clips
    made = {}
    for name, write in dict(sound=write_sound, pictures=write_pictures).items():
        folder = tmp_path_factory.mktemp(name)
        paths = [write(clip.path, folder/str(i)).name for i, clip in enumerate(clips.itertuples())]
        clips[['emotion', 'split']].assign(path=paths).to_csv(folder/'clips.csv', index=False)
        made[name] = folder
    return made

@pytest.fixture(scope='module')
def home(tmp_path_factory):
    "A cache that the tables of this file share"
    folder = tmp_path_factory.mktemp('home')
    share_synthetic(folder)
    with mock.patch.dict(os.environ, EMOTIW_HOME=str(folder)): yield folder

def rows(table, corpus, out):
    "The rows of a table, and those of its frozen features if it has any, after its cells are executed in this process"
    dry_run_table(table_notebooks()[table], dict(corpus=str(corpus), scale='tiny', out=str(out)))
    files = [p for p in (out/f'{table}.csv', out/f'{table}_frozen.csv') if p.exists()]
    return pd.concat([pd.read_csv(p, index_col=0) for p in files])

def counts_faces(table, out):
    "Does the table count its predictions over clips with a face?"
    path = out/f'{table}_denominators.csv'
    return path.exists() and 'clips with a face' in path.read_text()

def refuse(*args): raise AssertionError('an absent modality was searched')

@pytest.mark.parametrize('table', TABLES)
def test_sound_alone(table, corpora, home, tmp_path):
    with mock.patch.object(FaceCrops, '__call__', refuse): found = rows(table, corpora['sound'], tmp_path)
    reproduced = list(found.index[found.ours.notna()])
    if table == 'lu2018_models': assert reproduced == ['sound', 'eGeMAPS functionals, SVM']
    elif table == 'zhou2019_table1': assert not any('frozen' in name for name in reproduced), reproduced
    else: assert not reproduced
    missing = found.verdict.str.contains('has sound alone')
    assert missing.any() and (missing | found.ours.notna() | found.index.str.contains('champion')).all(), found.verdict
    assert not cache_path('features', 'FaceCrops').exists() and not counts_faces(table, tmp_path)

@pytest.mark.parametrize('table', TABLES)
def test_pictures_alone(table, corpora, home, tmp_path):
    with mock.patch.object(Sound, '__call__', refuse): found = rows(table, corpora['pictures'], tmp_path)
    missing = found.verdict.str.contains('needs sound: .* has pictures alone')
    if table == 'zhou2019_table1': assert not missing.any() and found.ours.notna().all()
    elif table == 'lu2018_models': assert missing.sum() == 7 and found.ours.notna().sum() == 7
    else: assert (missing | found.index.str.contains('champion')).all(), found.verdict

@pytest.mark.parametrize('number, present, absent', [(0, 'sound', FaceCrops), (1, 'pictures', Sound)])
@pytest.mark.parametrize('table', COMPUTED)
def test_some_rows_remain(table, number, present, absent, corpora, home, tmp_path):
    with mock.patch.object(absent, '__call__', refuse): found = rows(table, corpora[present], tmp_path)
    assert found.ours.notna().sum() == COMPUTED[table][number]
    assert found.verdict[found.ours.isna()].str.startswith('needs').all(), found.verdict
    if present == 'sound': assert not counts_faces(table, tmp_path)

def test_every_table_is_tested(): assert {*TABLES, *COMPUTED} == {name for name in table_notebooks() if '_' in name}
