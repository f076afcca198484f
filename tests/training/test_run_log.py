"""What a run leaves to look at: curves, its page, and the same for TensorBoard."""

import io
import json
import re
import struct

import numpy as np
import pytest
from PIL import Image

from sketch2photo.errors import CheckpointError
from sketch2photo.training import loop, run_report
from sketch2photo.training.run_log import ProgressBar, RunLog
from tests.training.test_loop import Walk


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that was stopped and went on."""
    out = tmp_path_factory.mktemp("runs") / "a <run>"
    loop.train(Walk(steps=4, save_every=2), out)
    (out / "alarms.jsonl").write_text(json.dumps({"step": 2, "alarm": "<b>the discriminator has won</b>"}) + "\n")
    loop.train(Walk(steps=6, save_every=2), out, resume=True)
    return out


def events(folder):
    """What TensorBoard would read: (step, tag, value) of every record; a picture is its PNG file."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                read = value.image.encoded_image_string if kind == "image" else getattr(value, kind)
                found.append((event.step, value.tag, read))
    return found


def test_curves_are_drawn_at_samples(run):
    with Image.open(run / "curves.png") as picture:
        assert picture.format == "PNG" and picture.width > 1000
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20


def test_curves_hold_every_figure_once(run):
    found = run_report.read_curves(run / "stats.jsonl")
    assert set(found) == {"loss_walk", "images_per_second", "data_wait"}
    assert list(found["loss_walk"][0]) == [1, 2, 3, 4, 5, 6]
    assert list(run_report.read_curves(run / "evaluation.jsonl")["val_size"][0]) == [3, 4, 6]


def test_broken_lines_and_no_numbers_are_left_out(tmp_path):
    (tmp_path / "stats.jsonl").write_text(
        '{"step": 1, "a": 2, "b": null}\n[1]\n{"step": 2, "a": NaN}\n{"step": 3, "a": 4'
    )
    found = run_report.read_curves(tmp_path / "stats.jsonl")
    assert list(found) == ["a"] and list(found["a"][1]) == [2]
    assert run_report.draw_curves(tmp_path / "nowhere") == b""


def test_smoothing_keeps_the_mean_and_the_order():
    values = np.random.default_rng(0).normal(size=10_007)
    x, y = run_report.smoothed(np.arange(10_007.0), values)
    assert len(x) == len(y) == run_report.POINTS and (np.diff(x) > 0).all()
    sizes = np.diff(np.append(np.linspace(0, 10_007, run_report.POINTS + 1).astype(int)[:-1], 10_007))
    assert (y * sizes).sum() == pytest.approx(values.sum())
    assert run_report.smoothed(np.arange(3.0), np.arange(3.0))[1] == pytest.approx([0, 1, 2])


def test_the_page_needs_no_other_file_and_runs_nothing(run):
    page = (run / "run.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 3 + 1  # three grids, the curves
    assert all(source.startswith("data:image/") for source in sources)
    assert "<script" not in page and "<link" not in page and "@import" not in page
    assert "a &lt;run&gt;" in page and "<b>" not in page and "&lt;b&gt;the discriminator has won" in page
    for said in ("6 of 6 steps of 4", "loss_walk", "val_size", "learning_rate", "step 3", "model.image_size"):
        assert said in page, said


def test_tensorboard_gets_figures_and_grids_each_step_once(run):
    found = events(run / "tensorboard")
    steps = [step for step, tag, _ in found if tag == "loss_walk"]
    assert steps == [1, 2, 3, 4, 5, 6]
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    values = [value for _, tag, value in found if tag == "loss_walk"]
    assert values == pytest.approx([line["loss_walk"] for line in lines], rel=1e-5)
    grids = {step: value for step, tag, value in found if tag == "samples"}
    assert sorted(grids) == [3, 4, 6]
    with Image.open(io.BytesIO(grids[3])) as picture:
        assert picture.size == (8, 8)


def test_a_disk_that_takes_no_figures_is_one_sentence(run, tmp_path, monkeypatch):
    log = RunLog(tmp_path, 0, Walk().config)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log._stats, "write", full)
    with pytest.raises(
        CheckpointError, match=r"could not be written .*\(No space left on device\): make room; nothing"
    ):
        log.step(1, {}, {})
    log.close()


def test_time_left_does_not_count_compilation(capsys):
    bar = ProgressBar(0, 100, 4, interval=0)
    bar.show(1, {"images_per_second": 0.01, "loss_l1": 0.5})
    bar.show(2, {"images_per_second": 2.0, "loss_l1": 0.25})
    bar.close()
    assert capsys.readouterr().out.splitlines() == [
        "step 1/100  l1 0.500",
        "step 2/100  2.0 img/s  3 min left  l1 0.250",
    ]
