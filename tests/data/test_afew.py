"AFEW's package as it is handed out, imitated with the synthetic corpus: unpacked, checked, one table rebuilt on it"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import zipfile
from pathlib import Path
import pandas as pd
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
    images = {f'{doubled}{name}/Faces/{i}/000.jpg': b'jpg' for i in ids}
    descriptors = {f'{doubled}{name}/LBPTOP/{i}.mat': b'mat' for i in ids}
    return zipped(folder/f'{name}.zip', images | descriptors)

def package(corpus, folder):
    "The package of the synthetic corpus at `corpus`, archives within archives"
    clips = lambda part: {p.relative_to(corpus).as_posix(): p for p in sorted((corpus/part).rglob('*.avi'))}
    ids = lambda part: [Path(n).stem for n in clips(part)]
    points, doubled = 'AlignedFaces_LBPTOP_Points', 'AlignedFaces_LBPTOP_Points_Val'
    beside_train = {f'Train_AFEW/{points}.zip': faces(folder, points, ids('Train_AFEW')),
                    'Train_AFEW/Train_6.xml': b'<xml/>'}
    beside_val = {f'Val_AFEW/{doubled}.zip': faces(folder, doubled, ids('Val_AFEW'), f'{doubled}/')}
    train = zipped(folder/'Train_AFEW.zip', clips('Train_AFEW') | beside_train)
    val = zipped(folder/'Val_AFEW.zip', clips('Val_AFEW') | beside_val)
    test = zipped(folder/'Test_vid_Distribute.zip', {p.name: p for p in clips('Test_vid_Distribute').values()})
    members = {'Train_AFEW.zip': train, 'Val_AFEW.zip': val, 'synthetic.json': corpus/'synthetic.json',
               'Test/Test_vid_Distribute.zip': test, 'Test/Test_2017_points_distribute.rar': b'Rar!'}
    return zipped(folder/'EmotiW_2018.zip', {f'EmotiW_2018/{name}': data for name, data in members.items()})

def test_the_package(tmp_path, command):
    original = synthetic_corpus(3, 1, 1)
    with temporary_home():
        output = command('unpack', package(original, tmp_path), tmp_path/'AFEW')
        assert 'Test_2017_points_distribute.rar is no zip and was left' in output
        unpacked = read_corpus(tmp_path/'AFEW')
        expected = read_corpus(original)
        pd.testing.assert_frame_equal(unpacked.clips.drop(columns='path'), expected.clips.drop(columns='path'))
        assert unpacked.fingerprint == expected.fingerprint
        assert unpacked.synthetic and unpacked.split('test').emotion.isna().all()
        assert 'no leak between parts' in command('check', tmp_path/'AFEW')
        options = '--scale', 'tiny', '--only', 'ding2016_fig4', '--reports', tmp_path/'reports'
        table = 'tables', '--corpus', tmp_path/'AFEW', *options
        assert ' pieces of work are missing' in command(*table, '--dry-run')
        assert not (tmp_path/'reports').exists()
        command(*table)
        computed = pd.read_csv(tmp_path/'reports/synthetic/ding2016_fig4.csv').dropna(subset='ours')
        assert len(computed) == 5 and computed.n.eq(7).all()   # AFEW names no persons: two rows need them
        assert '0 pieces of work are missing' in command(*table, '--dry-run')
