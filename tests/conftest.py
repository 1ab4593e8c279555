"The browser and the command that several tests share, and which files of tests go first"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
from emotiw import cli
import shutil
import sys
from unittest.mock import patch
import pytest

BROWSERS = 'chromium', 'chromium-browser', 'google-chrome'
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
# the longest files; started last, one of them would run alone beside an idle core
LONGEST = ('test_witness', 'test_tables', 'test_paper_steps', 'test_predict', 'test_afew', 'test_jupyterlab',
           'test_bad_input')

def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))

@pytest.fixture(scope='session')
def browser():
    if not CHROMIUM: pytest.skip('skipped: no chromium is installed')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()

@pytest.fixture
def command(capsys):
    "Runs `emotiw` with the words that it is given, which must succeed; returns the output"
    def run(*words):
        with patch.object(sys, 'argv', ['emotiw', *map(str, words)]), pytest.raises(SystemExit) as e: cli.main()
        captured = capsys.readouterr()
        assert not e.value.code, captured.err
        return captured.out + captured.err
    return run
