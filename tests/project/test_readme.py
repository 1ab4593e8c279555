"The README's tables are those of the committed reports, and the list of notebooks is that of their first cells"
import importlib.util
from repository import root

spec = importlib.util.spec_from_file_location('readme', root/'tools/readme.py')
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

def test_tables_are_the_reports():
    text = (root/'README.md').read_text()
    assert text.count('| Transformer x Transformer (FBP) |') == text.count('| scheme 3 |') == 2
    assert tool.filled(text) == text, 'run tools/readme.py'

def test_notebooks_are_listed():
    listed = (root/'nbs/README.md').read_text()
    assert listed == tool.listed(), 'run tools/readme.py'
    assert all(f'({p.name})' in listed for p in (root/'nbs').glob('*.ipynb'))
