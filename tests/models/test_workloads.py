"The list of trainings in `emotiw.papers.workloads` has every network that the tables train: dry runs at `tiny`"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
import pytest
from emotiw.core import temporary_home
from emotiw.dry_run import dry_run
from emotiw.experiments.runs import to_jsonable
from emotiw.experiments.workload import without_weights
from emotiw.papers.workloads import BUILDERS, trainings
from emotiw.reporting.build import table_notebook
from emotiw.reporting.cost_estimate import dry_run_table

TABLES = dict(   # table -> the networks that its dry run names: all but those that depend on results
    ding2016_table2=6, ding2016_table6=1, lu2018_models=7, zhou2019_table1=2, zhou2019_table2=29, zhou2019_table3=8)
IRRELEVANT = {   # fields that change neither the network nor the shape of a batch
    'schedule', 'n_val_groups', 'person_centred', 'record_test', 'member', 'as_fer2013', 'votes', 'stop_on', 'limit',
    'per_epoch', 'balanced', 'transforms', 'extend'}


def relevant(settings):
    "JSON values without irrelevant fields"
    if isinstance(settings, list): return [relevant(value) for value in settings]
    if not isinstance(settings, dict): return settings
    return {name: relevant(value) for name, value in settings.items() if name not in IRRELEVANT}


def network_key(function, config):
    return function.__qualname__, json.dumps(relevant(to_jsonable(without_weights(config))), sort_keys=True)


LISTED = {network_key(t.function, t.config) for t in trainings('tiny')}


@pytest.mark.parametrize('table', TABLES)
def test_every_network_is_listed(table):
    with temporary_home(), dry_run() as recorded:
        dry_run_table(table_notebook(table), dict(scale='tiny'))
        runs = [run for _, run in recorded.runs.values() if run.function in BUILDERS]
        networks = {network_key(run.function, run.config) for run in runs}
    assert not networks - LISTED
    assert len(networks) == TABLES[table]
