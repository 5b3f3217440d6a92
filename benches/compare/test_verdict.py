"""What the verdict says of figures that are given. tests/sound/run.sh runs this."""

import unittest

from verdict import PYTHON, ROWS, WORDS, lost, table, verdicts


def figures(seconds, cost, said=(10.0, 10.0)):
    """A run in which everything was measured."""
    latencies = {name: [seconds] * 3 for name in ("mic → wire", "wire → speaker", "interrupt → silence", "voice → silence")}
    costs = {name: cost for name in ("CPU, no reply", "CPU, reply of 20 s", "peak memory")}
    return {**latencies, **costs, WORDS: dict(zip(("said_s", "heard_s"), said))}


def found(client, ours):
    return {PYTHON: client, **{row.run: ours for row in ROWS}}


def reached(found):
    return {judgement.is_reached for judgement in verdicts(found)}


class Verdicts(unittest.TestCase):
    def test_all_is_reached_where_each_ratio_is_as_large_as_asked(self):
        self.assertEqual(reached(found(figures(1.0, 5.0, (10.0, 0.0)), figures(0.02, 1.0))), {None, True})

    def test_each_asked_ratio_can_be_missed(self):
        good = found(figures(1.0, 5.0, (10.0, 0.0)), figures(0.02, 1.0))
        for at, row in enumerate(ROWS):
            if row.times is None:
                continue
            theirs = good[PYTHON][row.figure]
            limit = (theirs[0] if isinstance(theirs, list) else theirs) / row.times
            worse = [1.01 * limit] if isinstance(theirs, list) else 1.01 * limit
            judgement = verdicts({**good, row.run: {**good[row.run], row.figure: worse}})[at]
            self.assertIs(judgement.is_reached, False, row)

    def test_a_ratio_is_of_the_medians_and_not_of_an_outlier(self):
        ours = {**figures(0.5, 1.0), "mic → wire": [0.4, 0.5, 60.0]}
        self.assertEqual(verdicts(found(figures(1.0, 5.0), ours))[0].ratio, 2.0)

    def test_what_was_not_measured_is_not_reached(self):
        for judgement in verdicts({}):
            self.assertIsNone(judgement.ratio)
            self.assertIn(judgement.is_reached, (None, False))
        silent = {**figures(0.02, 1.0), "mic → wire": []}
        self.assertIs(verdicts(found(figures(1.0, 5.0), silent))[0].is_reached, False)

    def test_words_have_to_be_heard_here_and_lost_there(self):
        def words(client, ours):
            judgements = verdicts(found(figures(1.0, 5.0, client), figures(0.02, 1.0, ours)))
            return {judgement.is_reached for judgement in judgements if judgement.figure == WORDS}

        self.assertEqual(words((10.0, 0.0), (10.0, 9.9)), {True})
        self.assertEqual(words((10.0, 0.0), (10.0, 9.0)), {False})
        self.assertEqual(words((10.0, 10.0), (10.0, 10.0)), {False})
        self.assertEqual(words((0.0, 0.0), (10.0, 10.0)), {False})

    def test_what_was_said_and_not_heard_is_lost(self):
        self.assertEqual(lost({"said_s": 4.0, "heard_s": 3.0}), 0.25)
        self.assertIsNone(lost({"said_s": 0.0, "heard_s": 0.0}))
        self.assertIsNone(lost(None))

    def test_a_table_has_a_line_for_each_figure_and_names_what_is_missed(self):
        lines = table(verdicts(found(figures(1.0, 5.0, (10.0, 0.0)), figures(0.7, 1.0)))).splitlines()
        self.assertEqual(len(lines), 1 + len(ROWS))
        self.assertTrue(lines[1].startswith("mic → wire") and lines[1].endswith("NOT REACHED"), lines[1])
        self.assertIn("1000.0 / 1000.0 ms", lines[1])
