"A table of a user's own: rebuilt by the path of its notebook, on a worker; the second time nothing is computed"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import pandas as pd
from emotiw.core import read_record, temporary_home
from repository import cells, root, source

TOY = root/'nbs/studies/toy2026_table1.ipynb'


def files_of(*folders): return {p: p.stat().st_mtime_ns for folder in folders for p in folder.rglob('*') if p.is_file()}

def test_less_than_100_lines():
    lines = [line for cell in cells(TOY) for line in source(cell).splitlines()]
    assert sum(bool(line.strip()) for line in lines) < 100

def test_the_toy_paper(tmp_path, command):
    own = tmp_path/'smith2027_table1.ipynb'
    own.write_text(TOY.read_text().replace("Table('toy2026_table1'", "Table('smith2027_table1'"))
    options = '--only', own, '--scale', 'tiny', '--workers', 1, '--reports', tmp_path/'reports'
    with temporary_home() as home:
        assert 'run toy' in command('tables', *options, '--dry-run')
        command('tables', *options)
        report = tmp_path/'reports/synthetic'
        table = pd.read_csv(report/'smith2027_table1.csv', index_col=0)
        assert list(table.index) == ['HOG', 'dense SIFT'] and table.n.eq(7).all() and table.runs.eq(2).all()
        assert (table.low < table.ours).all() and (table.ours < table.high).all() and table.published.isna().all()
        page = (report/'smith2027_table1.html').read_text()
        assert 'smith2027_table1/hog.html' in page and '4 runs' in page and 'Wilson, 7 clips' in page
        assert '__main__.train_toy' in (report/'smith2027_table1/hog.html').read_text()
        assert 'href="smith2027_table1.html"' in (report/'index.html').read_text()
        assert '0 pieces of work are missing' in command('tables', *options, '--dry-run')
        assert sorted(read_record(p)['seed'] for p in home.path.glob('runs/*/*.json')) == [0, 0, 1, 1]
        folders = home.path/'runs', home.path/'features', report/'smith2027_table1'
        before, executed = files_of(*folders), (report/'smith2027_table1.ipynb').stat().st_mtime_ns
        command('tables', *options)
        assert files_of(*folders) == before and (report/'smith2027_table1.ipynb').stat().st_mtime_ns == executed
