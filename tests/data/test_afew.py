"AFEW's package as it is handed out, in a twin made by code: unpacked, checked, and one table rebuilt on it"
import sys
import zipfile
from pathlib import Path
from unittest.mock import patch
import pandas as pd
import pytest
from emotiw import cli
from emotiw.core import temporary_home
from emotiw.data.corpus_readers import read_corpus
from emotiw.synthetic.corpus import synthetic_corpus


def zipped(path, files):
    "A zip at `path` of name -> bytes, or a file"
    with zipfile.ZipFile(path, 'w') as z:
        for name, data in files.items(): z.writestr(name, data.read_bytes() if isinstance(data, Path) else data)
    return path

def faces(folder, name, ids, doubled=''):
    "A zip of aligned faces, in a folder of its own or, `doubled`, in two"
    inside = {f'{doubled}{name}/Faces/{i}/000.jpg': b'jpg' for i in ids} | {f'{doubled}{name}/LBPTOP/{i}.mat': b'mat' for i in ids}
    return zipped(folder/f'{name}.zip', inside)

def package(made, folder):
    "The package of the made corpus `synthetic`, archives within archives"
    clips = lambda part: {p.relative_to(made).as_posix(): p for p in sorted((made/part).rglob('*.avi'))}
    ids = lambda part: [Path(n).stem for n in clips(part)]
    points, doubled = 'AlignedFaces_LBPTOP_Points', 'AlignedFaces_LBPTOP_Points_Val'
    train = zipped(folder/'Train_AFEW.zip', clips('Train_AFEW') | {f'Train_AFEW/{points}.zip': faces(folder, points, ids('Train_AFEW')), 'Train_AFEW/Train_6.xml': b'<xml/>'})
    val = zipped(folder/'Val_AFEW.zip', clips('Val_AFEW') | {f'Val_AFEW/{doubled}.zip': faces(folder, doubled, ids('Val_AFEW'), f'{doubled}/')})
    test = zipped(folder/'Test_vid_Distribute.zip', {p.name: p for p in clips('Test_vid_Distribute').values()})
    whole = {'Train_AFEW.zip': train, 'Val_AFEW.zip': val, 'synthetic.json': made/'synthetic.json', 'Test/Test_vid_Distribute.zip': test, 'Test/Test_2017_points_distribute.rar': b'Rar!'}
    return zipped(folder/'EmotiW_2018.zip', {f'EmotiW_2018/{n}': p for n, p in whole.items()})

def emotiw(capsys, *words):
    "What the command says"
    with patch.object(sys, 'argv', ['emotiw', *map(str, words)]), pytest.raises(SystemExit) as e: cli.main()
    told = capsys.readouterr()
    assert not e.value.code, told.err
    return told.out + told.err

def test_the_package(tmp_path, capsys):
    made = synthetic_corpus(3, 1, 1)
    with temporary_home():
        told = emotiw(capsys, 'unpack', package(made, tmp_path), tmp_path/'AFEW')
        assert 'Test_2017_points_distribute.rar is no zip and was left' in told
        found, own = read_corpus(tmp_path/'AFEW'), read_corpus(made)
        pd.testing.assert_frame_equal(found.clips.drop(columns='path'), own.clips.drop(columns='path'))
        assert found.fingerprint == own.fingerprint and found.synthetic and found.part('test').emotion.isna().all()
        assert 'no leak between parts' in emotiw(capsys, 'check', tmp_path/'AFEW')
        table = ['tables', '--corpus', tmp_path/'AFEW', '--scale', 'tiny', '--only', 'ding2016_fig4', '--reports', tmp_path/'reports']
        assert ' pieces of work are missing' in emotiw(capsys, *table, '--dry-run') and not (tmp_path/'reports').exists()
        emotiw(capsys, *table)
        assert pd.read_csv(tmp_path/'reports/synthetic/ding2016_fig4.csv').n.eq(7).all()
        assert '0 pieces of work are missing' in emotiw(capsys, *table, '--dry-run')
