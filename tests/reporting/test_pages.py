"The committed reports: links resolve, nothing is loaded from elsewhere, browser, keyboard and phone can use them"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import re
from html.parser import HTMLParser
from urllib.parse import unquote
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from emotiw.reporting.build import notebook_page
from emotiw.reporting.html import write_static
from repository import files, root

PAGES = [p for p in files() if p.suffix == '.html' and (root/'reports') in p.parents]
CARD = root/'reports/bundled'      # the page of the model that comes with the package
FOLDERS = sorted({p.parent for p in PAGES if (p.parent/'static').exists()})
REPORTS = [folder for folder in FOLDERS if (folder/'summary.html').exists()]      # of tables; the others are one page
FACELESS = {'ravdess_speech'}      # corpora without pictures of faces: their tables have rows for sound alone
by_name = dict(ids=lambda p: p.name)

class Links(HTMLParser):
    "What a page links or shows, and what it lacks for those who do not see it"
    def __init__(self):
        super().__init__()
        self.targets, self.mute = [], []
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.targets += [(tag, attrs[k]) for k in ('href', 'src') if attrs.get(k)]
        if tag == 'img' and 'alt' not in attrs: self.mute.append(self.getpos())

def links(page):
    "The `Links` of a page"
    parser = Links()
    parser.feed(page.read_text())
    return parser

def broken(page):
    "What `page` links or shows that is not there"
    for tag, target in links(page).targets:
        if target.startswith(('data:', '#', 'mailto:')): continue
        if re.match(r'\w+:', target):
            if tag != 'a': yield f'{target} is loaded from elsewhere'
        elif not (page.parent/unquote(target.partition('#')[0])).exists(): yield target

def test_broken_links_are_seen(tmp_path):
    page = tmp_path/'a.html'
    script, link = '<script src="https://x.org/a.js"></script>', '<a href="https://x.org">x</a>'
    page.write_text(f'<a href="b.html">b</a>{script}{link}<img src="a.html">')
    assert list(broken(page)) == ['b.html', 'https://x.org/a.js is loaded from elsewhere'] and links(page).mute

@pytest.mark.parametrize('report', FOLDERS, **by_name)
def test_links_resolve_and_pictures_have_words(report):
    pages = [p for p in PAGES if report in p.parents]
    assert len(pages) > (20 if report in REPORTS else 0)
    assert not [f'{p.relative_to(root)}: {b}' for p in pages for b in broken(p)]
    assert not [p for p in pages if links(p).mute]

def test_reports_stay_small():
    assert sum(p.stat().st_size for p in files() if (root/'reports') in p.parents) < 30e6

def luminance(colour):
    "Relative luminance of '#rrggbb' or '#rgb' (WCAG 2)"
    digits = colour[1:] if len(colour) == 7 else ''.join(2*c for c in colour[1:])
    channels = [int(digits[i:i + 2], 16)/255 for i in (0, 2, 4)]
    linear = [c/12.92 if c <= .04045 else ((c + .055)/1.055)**2.4 for c in channels]
    return sum(w*c for w, c in zip((.2126, .7152, .0722), linear))

def test_colours_can_be_read():
    "Text against both grounds, light and dark: at least 4.5 to 1"
    for block in re.findall(r':root \{(.*?)\}', (root/'emotiw/reporting/static/style.css').read_text()):
        colours = dict(re.findall(r'--(\w+): (#\w+)', block))
        for text in ('ink', 'soft', 'link', 'published', 'face', 'sound', 'ours'):
            for ground in ('paper', 'band'):
                high, low = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
                assert (high + .05)/(low + .05) >= (4.5 if text in ('ink', 'soft', 'link') else 3), (text, ground)

@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [390, 1280])
@pytest.mark.parametrize('report', REPORTS, **by_name)
def test_in_a_browser(browser, report, width, scheme, tmp_path):
    "Index, a table, and the page behind a number: no error, nothing wider than the screen"
    page = browser.new_page(viewport=dict(width=width, height=900), color_scheme=scheme)
    errors = []
    page.on('console', lambda m: errors.append(m.text) if m.type == 'error' else None)
    page.on('pageerror', lambda e: errors.append(str(e)))
    page.goto((report/'index.html').as_uri())
    row = 'sound alone' if report.name in FACELESS else 'concatenation'
    for step in ('zhou2019_table2.html', f'zhou2019_table2/{row.replace(" ", "-")}.html'):
        page.screenshot(path=tmp_path/'shot.png')
        assert (tmp_path/'shot.png').stat().st_size > 5000
        assert page.evaluate('document.documentElement.scrollWidth') <= width, page.url
        page.click(f'a[href="{step}"]')
    assert page.locator('h1').inner_text() == row
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    assert not errors
    page.close()

@pytest.mark.parametrize('width', [390, 1280])
@pytest.mark.parametrize('report', REPORTS, **by_name)
def test_claims_come_first(browser, report, width):
    page = browser.new_page(viewport=dict(width=width, height=900))
    page.goto((report/'index.html').as_uri())
    page.locator('main a').first.click()
    assert page.locator('h1').inner_text() == f'Claims of the papers: {report.name}'
    assert page.locator('table.claims').count() == 3
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    page.close()

@pytest.mark.parametrize('width', [390, 1280])
@pytest.mark.parametrize('folder', [f for f in FOLDERS if f not in REPORTS], **by_name)
def test_a_single_page_in_a_browser(browser, folder, width):
    page = browser.new_page(viewport=dict(width=width, height=900))
    errors = []
    page.on('pageerror', lambda e: errors.append(str(e)))
    page.goto((folder/'index.html').as_uri())
    assert page.locator('h2', has_text='The card').count() == (folder == CARD)
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    assert not errors
    page.close()

@pytest.mark.parametrize('report', REPORTS, **by_name)
def test_tables_sort_by_keyboard_and_code_unfolds(browser, report):
    page = browser.new_page()
    page.goto((report/'zhou2019_table2.html').as_uri())
    table = page.locator('table.sortable', has_text='ours, %').first
    head = page.locator('table.sortable th', has_text='ours, %').first
    column = lambda: [float(t) for t in table.locator('tbody tr td:nth-child(3)').all_inner_texts() if t]
    head.locator('button').press('Enter')
    assert head.get_attribute('aria-sort') == 'descending' and column() == sorted(column(), reverse=True)
    head.locator('button').press('Enter')
    assert head.get_attribute('aria-sort') == 'ascending' and column() == sorted(column())
    assert not page.locator('.code').first.is_visible()
    page.check('#code')
    assert page.locator('.code').first.is_visible()
    page.close()

STRIKE = "document.body.dataset.struck = 1"     # what each attack on a page tries to do
ATTACKS = (f'<script>{STRIKE}</script>', f'<img src="absent.png" alt="" onerror="{STRIKE}">',
           f'<svg onload="{STRIKE}"><script>{STRIKE}</script></svg>', f'<a href="javascript:{STRIKE}">link</a>',
           f'<iframe srcdoc="<script>parent.{STRIKE}</script>"></iframe>', f'<body onload="{STRIKE}">',
           '<base href="https://x.org/">', '<script src="https://x.org/a.js"></script>')

def attacked_page(folder):
    "The page of a notebook whose text, outputs and figure are attacks, and with a table that the page's script sorts"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{STRIKE}"><script>{STRIKE}</script></svg>'
    outputs = [new_output('display_data', {'text/html': a}) for a in ATTACKS]
    outputs += [new_output('display_data', {kind: content}) for kind, content in {
        'text/markdown': '\n\n'.join(ATTACKS), 'image/svg+xml': svg, 'text/plain': ATTACKS[0]}.items()]
    outputs += [new_output('stream', name='stdout', text=a) for a in ATTACKS]
    cells = [new_markdown_cell('# A page'), *map(new_markdown_cell, ATTACKS), new_code_cell('1', outputs=outputs)]
    table = '<table class="dataframe"><thead><tr><th>clip</th></tr></thead><tbody><tr><td>a</td></tr></tbody></table>'
    cells.append(new_code_cell('2', outputs=[new_output('display_data', {'text/html': table})]))
    nbformat.write(new_notebook(cells=cells), folder/'page.ipynb')
    write_static(folder)
    return notebook_page(folder/'page.ipynb', title=ATTACKS[0])

def test_nothing_in_a_page_runs(browser, tmp_path):
    "Scripts in names, texts and outputs do not run; the page's own script does, and nothing is asked for elsewhere"
    page, refused, asked = browser.new_page(), [], []
    page.on('request', lambda request: asked.append(request.url))
    page.on('requestfailed', lambda request: refused.append(request.url) if request.failure == 'csp' else None)
    page.goto(attacked_page(tmp_path).as_uri())
    for link in page.locator('a', has_text='link').all(): link.click()
    page.wait_for_timeout(300)
    assert page.evaluate('document.body.dataset.struck') is None
    assert page.locator('table th button').count() >= 1
    elsewhere = [url for url in asked if not url.startswith(('file:', 'data:', 'about:'))]
    assert elsewhere == refused != []
    page.close()

def test_a_page_without_a_policy_would_be_struck(browser, tmp_path):
    "The attacks are real"
    path = attacked_page(tmp_path)
    path.write_text(re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', '', path.read_text()))
    page = browser.new_page()
    page.route('https://**', lambda route: route.abort())
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    assert page.evaluate('document.body.dataset.struck') == '1'
    page.close()
