"""common/predict.py where the training images were not as MNIST's are, and with CSV files."""

import csv
import json
import shutil

import mnist_softmax
from benchmarks import renderings
from common import UserError, predict
from common.data import load_data
from common.datasets.orientation import POLARITIES
from common.pictures.preparation import prepare
from common.run.model import Model

import numpy as np
import pytest
import shell
from PIL import Image

CLASSES = [f"digit {k}" for k in range(10)]


def as_in_the_files(rows):
    """Dark on light, rows and columns exchanged, from 0 to 1: float32 [n, 28, 28]."""
    images = rows.reshape(-1, 28, 28).transpose(0, 2, 1)
    return (1 - images / 255).astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run of softmax regression with such images."""
    folder = tmp_path_factory.mktemp("other")
    train, test = load_data(train_size=4_000).train, load_data().test.first(300)
    np.savez(
        folder / "data.npz",
        x_train=as_in_the_files(train.images),
        y_train=train.labels,
        x_test=as_in_the_files(test.images),
        y_test=test.labels,
        class_names=CLASSES,
    )
    flags = ["--data-dir", folder / "data.npz", "--epochs", 3, "--output-dir", folder / "run"]
    mnist_softmax.main([*map(str, flags), "--transpose"])
    return folder / "run"


def test_a_run_notes_how_its_images_were_made(run):
    note = json.loads((run / "saved_model/assets.extra/classes.json").read_text())
    assert note == {
        "image_shape": [28, 28],
        "class_names": CLASSES,
        "polarity": "dark on light",
        "transposed": True,
        "largest_pixel": 1.0,
        "grey_levels": True,
        "centred": True,
    }
    data = shell.metrics_in(run)["data"]
    assert data["polarity"] == "dark on light"
    assert data["remarks"] == ["pixels from 0 to 1 were scaled to 0 to 255"]


def test_pictures_are_prepared_as_the_training_images_were(run, tmp_path, capsys):
    """Upright pictures, dark on light and light on dark, are read by a net of other images."""
    test = load_data().test
    right = 0
    for digit in range(6):
        image = renderings.enlarge(test.images[test.labels == digit][0].reshape(28, 28))
        for name, steps in (("dark", [renderings.black_on_white]), ("light", [])):
            path = tmp_path / f"{digit}_{name}.png"
            path.write_bytes(renderings.render(image, steps, "PNG", 0))
    rows = predict.main([str(tmp_path), "--model", str(run), "--json"])
    capsys.readouterr()
    for k, row in enumerate(rows):
        right += row["digits"][0]["models"]["run"]["class"] == CLASSES[k // 2]
    assert right >= 10  # of 12; about 1 if the images were inverted
    predict.main([str(tmp_path / "0_dark.png"), "--model", str(run)])
    drawn = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  |")]
    assert drawn[0].count("█") == 56  # the net sees dark on light


def test_pictures_of_the_size_of_the_images_pass_unchanged_if_they_are_alike(
    run, trained_run, tmp_path, capsys
):
    """Where a picture is like the training images it is not touched; otherwise it is prepared."""
    image = load_data().test.images[0].reshape(28, 28)
    moved = np.roll(image, 4, axis=0)  # preparation would centre it
    read = {}
    for name, pixels in (("light", moved), ("dark", 255 - moved)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        for polarity in (*POLARITIES, None):
            kind = {"polarity": polarity, "centred": False}
            prepared = prepare(tmp_path / f"{name}.png", **kind).images[0]
            read[name, polarity] = prepared
            unchanged = np.array_equal(prepared, pixels)
            assert unchanged == (polarity in (None, POLARITIES[name == "dark"]))
    light, dark = (read[name, one] for name, one in zip(("dark", "light"), POLARITIES, strict=True))
    assert np.array_equal(light, 255 - dark)
    assert np.abs(np.argwhere(light > 127).mean(axis=0) - 13.5).max() < 1.5  # centred

    models = ["--model", run, "--model", trained_run("mnist_softmax").folder]
    with pytest.raises(UserError, match=r"light on dark and .* dark on light; use them one at"):
        predict.main(list(map(str, [tmp_path, *models])))
    capsys.readouterr()


def test_rows_of_a_csv_file_are_classified_as_the_images_of_the_run(run, tmp_path, capsys):
    test = load_data().test.first(300)
    with (tmp_path / "test.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow([f"pixel{k}" for k in range(784)])
        writer.writerows(as_in_the_files(test.images).reshape(300, 784).tolist())
    flags = ["--csv", tmp_path / "test.csv", "--model", run, "--output-dir", tmp_path]
    (answer,) = predict.main(list(map(str, flags)))
    output = capsys.readouterr().out
    assert "300 images, classified by run" in output
    assert answer["submission"] == str(tmp_path / "submission.csv")
    with (tmp_path / "submission.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["ImageId", "Label"]
    assert [row[0] for row in rows] == [str(k) for k in range(1, 301)]
    predicted = [CLASSES.index(name) for _, name in rows]
    assert predicted == np.load(run / "predictions.npy")[:, 1].tolist()
    assert np.mean(predicted == test.labels) > 0.7


def test_a_table_with_ids_and_labels_keeps_the_ids_and_is_compared(run, tmp_path, capsys):
    test = load_data().test.first(20)
    with (tmp_path / "test.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", *(f"p{k}" for k in range(784))])
        for k, image in enumerate(as_in_the_files(test.images)):
            writer.writerow([f"n{k}", CLASSES[test.labels[k]], *image.ravel().tolist()])
    flags = ["--csv", tmp_path / "test.csv", "--model", run, "--output-dir", tmp_path]
    predict.main(list(map(str, flags)))
    right = int((np.load(run / "predictions.npy")[:20] == test.labels[:, None]).all(axis=1).sum())
    assert f"{right} of 20 answers are those of its column of labels" in capsys.readouterr().out
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    assert lines[0] == "id,label"
    assert [line.partition(",")[0] for line in lines[1:]] == [f"n{k}" for k in range(20)]


def test_tables_that_do_not_fit_the_model_and_wrong_usage_get_a_sentence(run, tmp_path, capsys):
    def fails(match, table):
        path = tmp_path / "rows.csv"
        path.write_text("\n".join(",".join(map(str, row)) for row in table))
        with pytest.raises(UserError, match=match):
            predict.main(["--csv", str(path), "--model", str(run), "--output-dir", str(tmp_path)])
        assert not (tmp_path / "submission.csv").exists()

    fails(r"images of 8 × 8 pixels and run reads 28 × 28", np.eye(64, dtype=int))
    fails(r"up to 255, and the model was trained with pixels from 0 to 1", [[0] * 783 + [255]])
    fails("all pixels of .*rows.csv are 0", [[0] * 784])
    for more in (["a.png"], ["--json"], ["--model", "b"], ["--explain"]):
        with pytest.raises(SystemExit) as exit_:
            predict.main(["--csv", "test.csv", "--model", str(run), *more])
        assert exit_.value.code == 2
        assert "argument --csv: " in capsys.readouterr().err


def test_a_note_without_conventions_is_mnists_and_a_wrong_one_is_refused(run, tmp_path):
    shutil.copytree(run / "saved_model", tmp_path / "model")
    path = tmp_path / "model/assets.extra/classes.json"
    note = json.loads(path.read_text())
    names = ["a"] * 2 + CLASSES[2:]
    path.write_text(json.dumps({"image_shape": [28, 28], "class_names": names}))
    model = Model(tmp_path / "model")
    assert (model.polarity, model.transposed, model.largest_pixel) == ("light on dark", False, 255)
    assert model.class_names == ("a (0)", "a (1)", *CLASSES[2:])  # keys of the answers
    for name, value in (("polarity", "grey"), ("largest_pixel", 0), ("largest_pixel", "x")):
        path.write_text(json.dumps(note | {name: value}))
        with pytest.raises(UserError, match=r"classes\.json is damaged"):
            Model(tmp_path / "model")


def test_what_is_left_out_of_a_folder_is_said(run, tmp_path, capsys):
    image = renderings.enlarge(load_data().test.images[0].reshape(28, 28))
    (tmp_path / "a.JFIF").write_bytes(renderings.render(image, [], "JPEG", 0))
    for name in ("b.HEIC", "c.heic", "._a.jpg", ".DS_Store"):
        (tmp_path / name).write_bytes(b"no picture")
    (tmp_path / "more").mkdir()
    rows = predict.main([str(tmp_path), "--model", str(run), "--json"])
    assert [row["file"] for row in rows] == [str(tmp_path / "a.JFIF")]
    output, errors = capsys.readouterr()
    assert len(json.loads(output)) == 1
    assert errors == (
        f"left out: 1 file with a dot before the name ({tmp_path}/._a.jpg); 2 files of a kind that "
        f"is not read, .heic ({tmp_path}/b.HEIC, …); 1 folder in the folder ({tmp_path}/more)\n"
    )


def test_a_drawing_of_black_and_white_passes_unchanged_only_where_the_training_had_such(tmp_path):
    """Its lines are thinner, and it is smaller and not in the middle, unlike any in MNIST."""
    drawing = np.zeros((28, 28), np.uint8)
    drawing[2:14, 5] = 255
    Image.fromarray(drawing).save(tmp_path / "one.png")
    kind = {"grey_levels": False, "centred": False}
    assert np.array_equal(prepare(tmp_path / "one.png", **kind).images[0], drawing)
    rows, columns = np.nonzero(prepare(tmp_path / "one.png").images[0])
    assert np.ptp(rows) + 1 == 20
    assert 12 <= columns.mean() <= 15
