"The README's tables are those of the committed reports"
import importlib.util
from repository import root

def test_tables_are_the_reports():
    spec = importlib.util.spec_from_file_location('readme', root/'tools/readme.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = (root/'README.md').read_text()
    assert text.count('| Transformer x Transformer (FBP) |') == text.count('| scheme 3 |') == 2
    assert tool.filled(text) == text
