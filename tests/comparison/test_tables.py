"""common/comparison/tables.py: the sentences, and a table by hand."""

import re

from common.comparison import statistics, tables

MODEL = {
    **{"name": "mnist_mlp.py", "parameters": 535818, "multiply_adds": 535040, "epochs": 20.0},
    **{"train_seconds": 33.04, "validation_mean": 0.98672, "validation_std": 0.0007},
    **{"test_mean": 0.98642, "test_std": 0.0009, "test_interval": [0.98529, 0.98754]},
    **{"errors_mean": 135.8, "test_total": 10000},
}
SINGLE = MODEL | {"validation_std": None, "test_std": None, "test_interval": None}


def verdict(first_only, second_only):
    pairs = list(zip(first_only, second_only, strict=True))
    difference = {
        "first": "a",
        "second": "b",
        "first_only_right": first_only,
        "second_only_right": second_only,
        "p_values": [statistics.mcnemar(*pair) for pair in pairs],
    }
    return re.search(r"; (.*) \(exact", tables.difference_sentence(difference))[1]


def test_verdicts():
    assert verdict([50, 60], [10, 12]) == "significant for every seed"
    assert verdict([50, 20], [10, 18]) == "significant for some seeds only"
    # Significant for each seed, but in opposite directions.
    assert verdict([50, 10], [10, 50]) == "significant for some seeds only"
    assert verdict([12, 11], [10, 12]) == "not significant"


def test_the_sentence_names_the_images_of_both_models():
    difference = {"first": "a", "second": "b", "p_values": [0.04, 0.001]}
    difference |= {"first_only_right": [30, 50], "second_only_right": [14, 16]}
    assert tables.difference_sentence(difference) == (
        "- `a` and `b`: 40 images that only the first classifies correctly, 15 only the second; "
        "significant for every seed (exact McNemar test, largest p = 0.04)."
    )


def test_machines_are_named_once():
    assert tables.name_machines(["A", "A"]) == "A"
    assert (
        tables.name_machines(["A", None, "B", "A"]) == "several machines: A; an unknown machine; B"
    )
    assert tables.name_machines([None]) == "an unknown machine"


def test_a_table_by_hand():
    results = {"seeds": 5, "machine": "a Z80", "command": "python -m common.compare", "models": []}
    results |= {"models": [MODEL], "differences": []}
    head, rule, row, blank, measured, *rest = tables.markdown_table(results).split("\n")
    assert head.count("|") == rule.count("|") == row.count("|")
    assert row == (
        "| `mnist_mlp.py` | 535,818 | 535,040 | 20 | 33.0 | 98.67 ± 0.07 | 98.64 ± 0.09 "
        "| 98.53 to 98.75 | 136 of 10,000 |"
    )
    assert blank == ""
    assert measured == (
        "Mean ± standard deviation over 5 seeds (seconds: median), on a Z80. "
        "Made by `python -m common.compare`."
    )
    # √(0.98642 · 0.01358 / 10,000) = 0.00116
    assert rest == [
        "",
        "A difference of 0.1 percentage points is 10 of 10,000 test images. The standard error of "
        "an accuracy of 98.64 % on a test set of this size is 0.12 percentage points.",
        "",
    ]


def test_a_single_run_has_no_spread():
    results = {"seeds": 1, "machine": "a Z80", "command": "x", "models": [SINGLE]}
    text = tables.markdown_table(results | {"differences": []})
    assert "| 98.67 | 98.64 | – | 136 of 10,000 |" in text
    assert "over 1 seed (" in text


def test_the_expectation_is_a_paragraph_of_a_docstring():
    results = {"seeds": 5, "machine": "a Z80", "command": "python -m common.compare --seeds 5"}
    text = tables.expectation(MODEL, results)
    assert text.replace("\n", " ") == (
        "Expected: 98.64 ± 0.09 % on the test set, mean ± standard deviation of 5 seeds, after 20 "
        "epochs in 33 s on a Z80. Again with: python -m common.compare --seeds 5"
    )
    assert max(map(len, text.splitlines())) < 100
