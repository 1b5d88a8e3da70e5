"""The simulator knows every cmdlet that Holdfast may call: it imports nothing of ours, so a test ties the two."""

from domain.controls import KINDS
from simulator import cmdlets


def test_the_simulator_knows_every_cmdlet_that_reads_or_writes_what_a_control_sees():
    reads = {(query.cmdlet, query.service) for kind in KINDS for query in kind.queries}
    writes = {
        (cmdlet, query.service)
        for kind in KINDS
        for cmdlet in (kind.writing.cmdlets if kind.writing else ())
        for query in kind.queries
    }
    assert reads | writes <= {(cmdlet.name, cmdlet.service) for cmdlet in cmdlets.CATALOGUE.values()}


def test_the_simulator_takes_every_field_that_undo_may_put_back():
    for writing in (kind.writing for kind in KINDS if kind.writing and kind.writing.set):
        assert writing.restorable <= cmdlets.CATALOGUE[writing.set.casefold()].parameters.keys()
