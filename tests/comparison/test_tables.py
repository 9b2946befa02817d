"""common/comparison/tables.py: the sentences, and a table by hand."""

import re

from common.comparison import durations, statistics, tables

from scipy.stats import binomtest

MODEL = {
    **{"name": "mnist_mlp.py", "parameters": 535818, "multiply_adds": 535040, "epochs": 20.0},
    **{"train_seconds": 33.04, "validation_mean": 0.98672, "validation_std": 0.0007},
    **{"test_mean": 0.98642, "test_std": 0.0009, "test_interval": [0.98529, 0.98754]},
    **{"errors_mean": 135.8, "test_total": 10000},
}
SINGLE = MODEL | {"validation_std": None, "test_std": None, "test_interval": None}


OTHER = MODEL | {"name": "mnist_cnn.py", "parameters": 242062, "multiply_adds": 3363072}
OTHER |= {"errors_mean": 65.0, "test_mean": 0.9935, "recipe": "6 epochs"}


def difference(first, second, first_only, second_only):
    pairs = zip(first_only, second_only, strict=True)
    return {
        **{"first": first, "second": second},
        **{"first_only_right": first_only, "second_only_right": second_only},
        "p_values": [statistics.mcnemar(*pair) for pair in pairs],
    }


def results_of(models, differences=(), seeds=5):
    results = {"seeds": seeds, "machine": "a Z80", "command": "python -m common.compare"}
    return results | {"models": list(models), "differences": list(differences)}


def test_a_model_has_a_name():
    assert tables.model_name("mnist_softmax.py") == "softmax regression"
    assert tables.model_name("mnist_cnn.py --augment") == "CNN --augment"
    assert tables.model_name("mnist_mlp.py --dropout 0", markdown=True) == "MLP `--dropout 0`"


def test_factors():
    assert tables.factor(138, 715) == "5.2 times fewer"
    assert tables.factor(712, 56) == "13 times more"
    assert tables.factor(58, 59) == "as many"


def test_the_sentences_compare_mlp_and_cnn():
    one = difference("mnist_mlp.py", "mnist_cnn.py", [26, 20], [99, 110])
    assert tables.sentences(results_of([MODEL, OTHER], [one])) == (
        "The CNN has 2.2 times fewer parameters than the MLP, does 6.3 times more multiply–adds "
        "and makes 2.1 times fewer errors. Each row differs significantly from the row before it, "
        "for every seed (exact McNemar test for each seed, Holm's correction over the table, "
        "p < 0.05)."
    )


def test_the_sentence_says_which_rows_differ():
    models = [MODEL | {"name": name} for name in "abcd"]
    ones = [difference("a", "b", [50, 60], [10, 12]), difference("b", "c", [12, 11], [10, 12])]
    text = tables.sentences(results_of(models, [*ones, difference("c", "d", [50, 20], [10, 18])]))
    assert text.startswith(
        "Differences from the row before it: significant for every seed: row 2; "
        "significant for some seeds only: row 4; not significant: row 3 ("
    )
    ones = [difference("a", name, [50, 60], [10, 12]) for name in "bcd"]
    text = tables.sentences(results_of(models, ones))
    assert text.startswith("Each row differs significantly from row 1, for every seed")


def test_machines_are_named_once():
    assert tables.name_machines(["A", "A"]) == "A"
    assert (
        tables.name_machines(["A", None, "B", "A"]) == "several machines: A; an unknown machine; B"
    )
    assert tables.name_machines([None]) == "an unknown machine"


def test_a_table_by_hand():
    one = difference("mnist_mlp.py", "mnist_cnn.py", [26], [99])
    text = tables.markdown_table(results_of([MODEL, OTHER], [one]))
    lines = text.splitlines()
    assert lines[2:4] == [
        "| 1 | MLP | 535,818 | 535,040 | 33.0 | 98.64 ± 0.09 | 136 |",
        "| 2 | CNN | 242,062 | 3,363,072 | 33.0 | 99.35 ± 0.09 | 65, 2.1 times fewer |",
    ]
    assert (
        "Mean ± standard deviation over 5 seeds (seconds: median), on a Z80. "
        "Made by `python -m common.compare`. The 10 runs take about 6 minutes."
    ) in lines
    folded = text[text.index("<details>") : text.index("</details>")].splitlines()
    rows = [line for line in folded if line.startswith("| ")]
    assert rows[1:] == [
        "| 1 | `python mnist_mlp.py` | 20 epochs | 98.67 ± 0.07 | 98.53 to 98.75 | – |",
        "| 2 | `python mnist_cnn.py` | 6 epochs | 98.67 ± 0.07 | 98.53 to 98.75 "
        f"| row 1: p = {binomtest(26, 125).pvalue:.2g} (26, 99) |",
    ]
    # √(0.9935 · 0.0065 / 10,000) = 0.0008
    assert "accuracy of 99.35 % on a test set of this size is 0.08 percentage points." in text
    # Every table has as many cells in each row.
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_times_in_words():
    assert durations.in_words(70) == "a minute"
    assert durations.in_words(25 * 60) == "25 minutes"
    assert durations.in_words(5.1 * 3600) == "5 hours"
    text = durations.duration_sentence(results_of([MODEL], seeds=1))
    assert text == "This run takes about a minute."


def test_intervals_need_three_seeds():
    assert "98.53 to 98.75" in tables.markdown_table(results_of([MODEL], seeds=3))
    text = tables.markdown_table(results_of([SINGLE], seeds=1))
    assert "95 % interval" not in text
    assert "| 98.64 | 136 |" in text
    assert "over 1 seed (" in text


def test_a_shift_is_a_column_where_it_was_measured():
    shifted = OTHER | {"shifted_mean": 0.974}
    text = tables.markdown_table(results_of([MODEL, shifted]))
    assert "| wrong of 10,000 | shifted by 2 pixels, % |" in text
    assert "| 136 | – |" in text
    assert "| 65 | 97.4 |" in text
    assert "shifted" not in tables.markdown_table(results_of([MODEL, OTHER]))


def test_the_terminal_shows_it_in_80_columns():
    long = MODEL | {"name": "mnist_mlp.py --hidden 200 100 60 30 --dropout 0 --activation sigmoid"}
    models = [MODEL, OTHER | {"shifted_mean": 0.974}, long]
    one = difference("mnist_mlp.py", "mnist_cnn.py", [26], [99])
    lines = tables.terminal_table(results_of(models, [one])).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[:3] == ["model", "params", "mult-adds"]
    assert "3  MLP --hidden 200 100 60 30 --dropout 0 --activation sigmoid" in lines
    assert lines[2].split() == [
        *("2", "CNN", "242,062", "3,363,072", "33.0", "99.35", "±", "0.09", "65", "97.4"),
    ]


def test_the_expectation_is_a_paragraph_of_a_docstring():
    results = {"seeds": 5, "machine": "a Z80", "command": "python -m common.compare --seeds 5"}
    text = tables.expectation(MODEL, results)
    assert text.replace("\n", " ") == (
        "Expected: 98.64 ± 0.09 % on the test set, mean ± standard deviation of 5 seeds, after 20 "
        "epochs in 33 s on a Z80. Again with: python -m common.compare --seeds 5"
    )
    assert max(map(len, text.splitlines())) < 100
