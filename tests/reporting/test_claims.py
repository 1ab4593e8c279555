"The claims are the papers' own words and numbers, and their contrasts are those of the tables"
import re
import pytest
from emotiw.reporting.claims import claims, contrast_tests
from repository import notebooks, root

SHARED = root.parent/'shared'
TEXTS = dict(ding2016='ding2016.txt', lu2018='lu2018_abstract.txt', zhou2019='zhou2019.txt')
TABLES = {p.stem for p in notebooks() if p.parent.name == 'tables'}
tested = {name: claim for name, claim in claims().items() if not claim.untested}


@pytest.mark.parametrize('paper', TEXTS)
def test_quotes_are_exact(paper):
    path = SHARED/'papers'/TEXTS[paper]
    if not path.exists(): pytest.skip(f'skipped: ../shared/papers/{path.name} is absent, no quote was looked up')
    text = path.read_text()
    quotes = {name: claim.quote for name, claim in claims().items() if claim.paper == paper}
    assert len(quotes) > 5 and not [name for name, quote in quotes.items() if quote not in text]


def test_published_numbers_are_known_facts():
    path = SHARED/'paper_facts.md'
    if not path.exists(): pytest.skip('skipped: ../shared/paper_facts.md is absent, no number was looked up')
    facts = set(re.findall(r'\d+(?:\.\d+)?', path.read_text()))
    numbers = {(name, n) for name, claim in claims().items() for n in re.findall(r'\d+(?:\.\d+)?', claim.published)}
    assert len(numbers) > 40 and not sorted((name, n) for name, n in numbers if n not in facts)


def test_tables_exist():
    assert not {claim.table for claim in claims().values() if claim.table} - TABLES


@pytest.mark.parametrize('name', tested)
def test_contrasts_are_in_the_synthetic_report(name):
    "A misspelt name would be 'not in this report' for ever"
    if tested[name].needs == 'AFEW 4.0': return
    tests = contrast_tests(root/'reports/synthetic', tested[name])
    missing = [test.name for test in tests if test.why.startswith('not in this report')]
    assert tests and not missing, f'{tested[name].table} has no contrast {missing}'
