"Notebooks in JupyterLab: opened, all cells run, the figure shown"
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
import pytest
from emotiw.core import temporary_home
from repository import root

# every code cell has run: its prompt has a number, no star
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]"
DONE = f'() => {PROMPTS}.every(e => /[0-9]/.test(e.textContent))'

def without_outputs(path, target):
    "A copy of the notebook at `path` that was never run"
    nb = json.loads(path.read_text())
    for c in nb['cells']:
        if c['cell_type'] == 'code': c |= dict(outputs=[], execution_count=None)
    target.write_text(json.dumps(nb))

def answers(url):
    "Does a server answer at `url`?"
    try: return urlopen(url, timeout=2).status == 200
    except (URLError, OSError): return False

@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "Address of a JupyterLab whose folder the notebooks are put into, and the folder"
    folder = tmp_path_factory.mktemp('lab')
    settings = folder/'settings/@jupyterlab/notebook-extension'
    settings.mkdir(parents=True)
    tracker = settings/'tracker.jupyterlab-settings'
    tracker.write_text(json.dumps(dict(windowingMode='none')))    # else cells out of sight are not drawn
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    options = ['--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}', f'--ServerApp.root_dir={folder}',
               '--IdentityProvider.token=', '--ServerApp.password=']
    command = [Path(sys.executable).with_name('jupyter-lab'), *options]
    with temporary_home():
        env = os.environ | dict(JUPYTERLAB_SETTINGS_DIR=str(folder/'settings'))    # with the temporary EMOTIW_HOME
        server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 60
        while not answers(f'http://127.0.0.1:{port}/api') and time.time() < end: time.sleep(.2)
        yield f'http://127.0.0.1:{port}', folder
        server.terminate()
        server.wait(30)

def all_run(lab, browser, name):
    "The page of the notebook `name`, after all of its cells have run without an error"
    url, folder = lab
    name = Path(name)
    without_outputs(root/f'nbs/{name}.ipynb', folder/f'{name.name}.ipynb')
    page = browser.new_page(viewport=dict(width=1280, height=900))
    page.goto(f'{url}/lab/tree/{name.name}.ipynb?reset')
    page.wait_for_selector('.jp-NotebookPanel .jp-Cell', timeout=60_000)
    assert not page.locator('.jp-OutputArea-output').count()
    page.get_by_text('| Idle').wait_for(timeout=90_000)      # before, nothing would run
    page.locator('.lm-MenuBar-item', has_text='Run').first.click()
    page.locator('.lm-Menu-item', has_text='Run All Cells').first.click()
    page.wait_for_function(DONE, timeout=240_000)
    errors = page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]')
    assert not errors.count()
    return page

@pytest.mark.parametrize('name', ['0_core/03_plotting', 'tables/ding2016_fig4'])
def test_all_cells_run_and_the_figure_is_there(lab, browser, name):
    page = all_run(lab, browser, name)
    figure = page.locator('.jp-RenderedSVG, .jp-RenderedImage').first
    figure.scroll_into_view_if_needed()
    assert figure.bounding_box()['width'] > 100
    page.close()

def test_another_clip_is_chosen(lab, browser):
    "Its figure and its answers take the place of the first clip's"
    page = all_run(lab, browser, 'studies/explore_clip')
    figure, answers = (page.locator(f'.widget-output {what}') for what in ('img', 'table'))
    figure.first.wait_for(timeout=60_000)
    before = figure.first.get_attribute('src'), answers.first.inner_text()
    clips = page.locator('.widget-dropdown select').nth(2)
    assert clips.locator('option').count() > 5
    clips.select_option(index=4)
    changed = "before => { const i = document.querySelector('.widget-output img'); return i && i.src != before }"
    page.wait_for_function(changed, arg=before[0], timeout=60_000)
    assert figure.first.bounding_box()['width'] > 300 and answers.first.inner_text() != before[1]
    assert figure.count() == answers.count() == 1
    page.locator('.widget-dropdown select').nth(1).select_option(label='Sad')
    fewer = "() => document.querySelectorAll('.widget-dropdown select')[2].options.length < 6"
    page.wait_for_function(fewer, timeout=60_000)
    page.close()
