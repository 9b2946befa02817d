"""common/comparison/statistics.py: against SciPy and by hand."""

from common.comparison import statistics

import numpy as np
import pytest
from scipy import stats


def test_mcnemar_by_hand():
    # 8 to 2: twice the probability of two heads or fewer in ten throws, 2 · (1 + 10 + 45) / 1024.
    assert statistics.mcnemar(8, 2) == pytest.approx(2 * 56 / 1024)
    assert statistics.mcnemar(2, 8) == statistics.mcnemar(8, 2)
    assert statistics.mcnemar(5, 5) == 1
    assert statistics.mcnemar(0, 0) == 1
    assert statistics.mcnemar(0, 30) < 1e-8


def fake_run(predicted, true):
    return {"predicted": np.array(predicted), "true": np.array(true)}


def test_pairs_are_counted_image_by_image():
    true = [0, 1, 2, 3, 4]
    first, second = fake_run([0, 1, 2, 0, 0], true), fake_run([0, 0, 2, 3, 1], true)
    result = statistics.compare_two(("a", [first]), ("b", [second]))
    assert (result["first_only_right"], result["second_only_right"]) == ([1], [1])
    assert result["p_values"] == [1.0]


def test_models_with_different_numbers_of_runs_are_not_compared():
    run = fake_run([0], [0])
    with pytest.raises(ValueError, match="shorter"):
        statistics.compare_two(("a", [run, run]), ("b", [run]))


def test_the_interval_of_the_mean_equals_scipy():
    runs = [
        {
            **{"test_accuracy": a, "validation_accuracy": a, "train_seconds": s, "test_total": 100},
            **{"parameters": 1, "multiply_adds": 1, "epochs": 1, "test_correct": round(100 * a)},
        }
        for a, s in [(0.90, 1), (0.92, 2), (0.97, 9)]
    ]
    row = statistics.summarise("net", runs)
    accuracies = [0.90, 0.92, 0.97]
    interval = stats.t.interval(0.95, 2, np.mean(accuracies), stats.sem(accuracies))
    assert row["test_interval"] == pytest.approx([max(0, interval[0]), min(1, interval[1])])
    assert row["train_seconds"] == 2
    assert row["errors_mean"] == pytest.approx(7)
    single = statistics.summarise("net", runs[:1])
    assert single["test_std"] is None
    assert single["test_interval"] is None


def test_holms_correction_by_hand():
    # In ascending order 0.01 · 3, 0.03 · 2, 0.04 · 1, and no value below the one before it.
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.5, 0.6]) == [1, 1]
    assert statistics.holm([0.02]) == [0.02]


def verdict(first_only, second_only):
    pairs = zip(first_only, second_only, strict=True)
    difference = {
        "first_only_right": first_only,
        "second_only_right": second_only,
        "p_values": [statistics.mcnemar(*pair) for pair in pairs],
    }
    return statistics.verdicts([difference])[0][0].value


def test_verdicts():
    assert verdict([50, 60], [10, 12]) == "significant for every seed"
    assert verdict([50, 20], [10, 18]) == "significant for some seeds only"
    # Significant for each seed, but in opposite directions.
    assert verdict([50, 10], [10, 50]) == "significant for some seeds only"
    assert verdict([12, 11], [10, 12]) == "not significant"


def test_a_recipe_in_words():
    settings = {"batch_size": 100, "optimizer": "adam", "learning_rate": 0.002}
    settings |= {"decay": "one-cycle", "dropout": 0.4}
    text = statistics.recipe({"epochs": 20.0, "settings": settings})
    assert text == ("20 epochs, batch size 100, adam, learning rate 0.002, one-cycle, dropout 0.4")
    assert statistics.recipe({"epochs": 1.0, "settings": settings}).startswith("1 epoch, ")
    by_steps = {"epochs": 1.81818, "settings": settings | {"iterations": 1000}}
    assert statistics.recipe(by_steps).startswith("1,000 steps, ")
    smoothed = statistics.recipe({"epochs": 2.0, "settings": settings | {"label_smoothing": 0.1}})
    assert smoothed.endswith(", dropout 0.4, label smoothing 0.1")
    assert statistics.recipe({"epochs": 20.0}) is None
