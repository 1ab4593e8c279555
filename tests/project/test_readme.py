"The README's tables, pictures and lists are those of the runs and of the code, and it stays short"
import importlib.util
import re
import pytest
from repository import notebooks, root

spec = importlib.util.spec_from_file_location('readme', root/'tools/readme.py')
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
TEXT = (root/'README.md').read_text()


@pytest.mark.parametrize('name', tool.TEXTS)
def test_written_by_the_tool(name):
    assert tool.TEXTS[name]() == (root/name).read_text(), 'run tools/readme.py'


def test_every_part_is_there():
    assert all(TEXT.count(f'<!-- {part}:') == TEXT.count(f'<!-- /{part} -->') == 1 for part in tool.WRITERS)
    assert all(name in TEXT for _, _, name in tool.HEADLINES)


def test_it_is_short():
    assert len(TEXT.split()) <= 1200


def test_links_and_pictures_exist():
    targets = [t.partition('#')[0] for t in re.findall(r'\]\(([^)\s]+)\)', TEXT) if not re.match(r'\w+:', t)]
    assert len(targets) > 5 and not [t for t in targets if not (root/t).exists()]


def test_every_notebook_is_listed():
    listed = (root/'nbs/README.md').read_text()
    assert all(f'({p.parent.name}/{p.name})' in listed for p in notebooks())
