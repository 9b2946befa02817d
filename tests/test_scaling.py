"""benchmarks/scaling_model.py: the model by hand."""

from benchmarks.scaling_model import (
    BATCH_SIZE,
    BYTES_PER_IMAGE,
    LARGE,
    NETWORK,
    SMALL,
    Measured,
    Model,
    fit,
    limits,
    predict,
)

import pytest

MODEL = Model(step=1e-3, image=2e-5, machine=5e-4, weights=1_000_000, surplus=1.5)


def measured(model, machines, images):
    """What the model predicts for a cluster whose machines share the processors."""
    seconds = model.step + model.image * images + model.machine * (machines - 1)
    needed = (machines - 1) * (2 * model.weights + images / machines * BYTES_PER_IMAGE)
    traffic = model.surplus * needed
    return Measured(seconds, traffic / 3, traffic * 2 / 3, model.weights // 4)


def test_the_fit_recovers_the_parameters():
    clusters = {n: measured(MODEL, n, BATCH_SIZE) for n in (1, 2, 3)}
    fitted = fit(measured(MODEL, 1, SMALL), measured(MODEL, 1, LARGE), clusters)
    assert fitted == pytest.approx(MODEL)


def test_a_prediction_by_hand():
    computing, network = predict(MODEL, 3, 100)
    assert computing == pytest.approx(1e-3 + 2e-3 + 1e-3)
    assert network == pytest.approx(1.5 * (2_000_000 + 100 * 788) * 2 / NETWORK)


def test_one_machine_exchanges_nothing():
    assert predict(MODEL, 1, BATCH_SIZE) == (pytest.approx(1e-3 + 128 * 2e-5), 0)


def test_the_limits_are_the_first_numbers_of_machines_with_a_longer_exchange():
    exchange, network = limits(MODEL)
    images = MODEL.step + MODEL.image * BATCH_SIZE

    def exchange_of(machines):
        return MODEL.machine * (machines - 1) + predict(MODEL, machines, BATCH_SIZE)[1]

    assert exchange_of(exchange) > images >= exchange_of(exchange - 1)
    assert predict(MODEL, network, BATCH_SIZE)[1] > images
    assert predict(MODEL, network - 1, BATCH_SIZE)[1] <= images
