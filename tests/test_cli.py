"""The command line: help, what is refused, and that neither imports anything slow."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sketch2photo import cli
from sketch2photo.errors import ConfigError
from tests.commands import answer

CALLED = {
    "app": ["app.py"],
    "prepare": ["prepare_data.py"],
    "train": ["train.py"],
    "predict": ["-m", "sketch2photo.predict"],
    "release": ["-m", "sketch2photo.release"],
    "evaluate": ["-m", "sketch2photo.evaluation"],
    "convert": ["-m", "sketch2photo.convert"],
    "export": ["-m", "sketch2photo.export"],
}
"""Every command's other name."""
SOURCES = ("photos", "sketchy", "pairs", "drawings", "rendered", "merge", "export")
HELPS = {
    "app": "--checkpoint --host --port --share --auth --open --no-open",
    "prepare": " ".join(SOURCES),
    **{f"prepare {source}": "--out --overwrite --size --workers --processes --beam" for source in SOURCES[:5]},
    "prepare merge": "DATASET --out --overwrite --workers --beam",
    "prepare export": "DATASET --npz --out --size --splits --sketches --limit-per-category --overwrite",
    "train": "gan classifier --data --out --preset",
    "train gan": "--data --out --init --resume --allow-change --preset --model.generator.width --augment.no-flip "
    "--augment.no-diffaugment --model.discriminator.spectral-norm --augment.scale --evaluation.features --mesh "
    "--distributed --coordinator-address",
    "train classifier": "--data --out --model.image-size --categories --near-kin --no-others-apart --average-with",
    "predict": "--checkpoint --out --category --colour --seed DIR|FILE",
    "release": "--gan --classifier --out --with-discriminator",
    "evaluate": "--checkpoint --data --split --limit --features --out",
    "convert": "pix2pix vgg16",
    "convert pix2pix": "FILE --out --category --statistics --int8",
    "convert vgg16": "FILE --out",
    "export": "--checkpoint --format --out --batch",
}
"""What the help of a command names."""


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """What `sketch2photo` says, which ends with this code."""
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == code
    out, err = capsys.readouterr()
    text, other = (err, out) if code else (out, err)
    assert other == ""
    return text


@pytest.mark.parametrize("command", HELPS)
def test_help_names_the_options(command: str, capsys):
    text = said(capsys, *command.split(), "--help", code=0)
    assert text.startswith(f"usage: sketch2photo {command}")
    missing = [word for word in HELPS[command].split() if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)]
    assert missing == []


def test_all_commands_are_listed_with_a_line_each(capsys):
    cli.main(["--help"])
    text = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.does)}$", text, re.M)
    assert set(cli.COMMANDS) == set(CALLED) == {name.split()[0] for name in HELPS}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("", "sketch2photo: name a command, one of app, prepare, .*: see sketch2photo --help"),
        ("traln", "sketch2photo: unknown command 'traln': did you mean 'train'\\? choose one of app, .*"),
        ("train", "sketch2photo train: the following arguments are required: COMMAND: see sketch2photo train --help"),
        ("train gam", "sketch2photo train: unknown command 'gam': did you mean 'gan'\\? choose one of gan, classifier"),
        ("train gan --preset vanila --data x --out y", ".*: unknown preset 'vanila': did you mean 'vanilla'\\? .*"),
        ("train gan --data x", ".*: the following arguments are required: --out: see sketch2photo train gan --help"),
        (
            "train gan --data x --out y --stps 3",
            ".*: unrecognized arguments: --stps 3 \\(did you mean --steps\\?\\): .*",
        ),
        ("train gan --data x --out y --steps a", ".*: argument --steps: invalid int value: 'a': see .*"),
        ("train gan --data x --out y --steps 0", ".*: steps is 0: it must be at least 1"),
        ("train gan --data x --out y --model.generator.norm layer", ".*invalid choice: 'layer' .*'instance'.*"),
        ("train gan --data x --out y --augment.scale 2 1", r".*: scale is \(2.0, 1.0\): give the smaller zoom first"),
        ("train gan --data x --out y --process-id 1", ".*: --process-id is given without --distributed: add it"),
        ("train gan --resume=x", ".*: argument --resume: ignored explicit argument 'x': see .*"),
        ("prepare foto", "sketch2photo prepare: unknown source 'foto': did you mean 'photos'\\? .*"),
        ("prepare merge a", ".*: the following arguments are required: --out: see sketch2photo prepare merge --help"),
        ("convert vgg", "sketch2photo convert: unknown kind 'vgg': .*"),
        ("export --format onnx --out x", "sketch2photo export: --format onnx is left out: .*"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments: str, sentence: str, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert re.fullmatch(sentence + "\n", said(capsys, *arguments.split()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CALLED)
def test_a_command_by_its_other_name(name: str, root: Path):
    started = subprocess.run(
        [sys.executable, *CALLED[name], "--nonsense"], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert started.returncode == 2 and started.stdout == ""
    called = CALLED[name][-1].removeprefix("sketch2photo.")
    assert re.fullmatch(rf"{re.escape(called)}: .*: see .*{re.escape(CALLED[name][-1])}.* --help\n", started.stderr)


SLOW = """
import contextlib, io, json, sys
from sketch2photo import cli
for command in json.loads(sys.argv[1]):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        cli.main([*command.split(), "--help"])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_help_imports_nothing_slow(root: Path):
    done = subprocess.run(
        [sys.executable, "-c", SLOW, json.dumps(list(HELPS))], cwd=root, capture_output=True, text=True, check=True
    )
    slow = {
        "jax",
        "flax",
        "optax",
        "orbax",
        "gradio",
        "grain",
        "tensorflow_datasets",
        "pandas",
        "scipy",
        "numpy",
        "cv2",
    }
    assert slow & set(json.loads(done.stdout)) == set()


def test_help_is_quick(root: Path):
    """Processor time, which other programs on the machine hardly change; benchmarks/help_time.py takes the clock."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "train.py", "gan", "--help"], cwd=root, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert any(seconds() < 0.5 for _ in range(4))


def test_ctrl_c_is_no_traceback(capsys, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "parse", stop)
    assert said(capsys, "predict", code=130) == "sketch2photo predict: stopped\n"


def test_the_model_of_the_repository_is_found_from_anywhere(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    arguments = ["drawing.png", "--out", "photos"]
    assert cli.parse("predict", arguments).checkpoint == root / "checkpoints" / "studio"
    (tmp_path / "checkpoints" / "studio").mkdir(parents=True)
    assert cli.parse("predict", arguments).checkpoint == Path("checkpoints/studio")
    assert cli.parse("predict", [*arguments, "--checkpoint", "x"]).checkpoint == Path("x")


def test_an_option_is_not_guessed_from_its_beginning():
    with pytest.raises(ConfigError, match=r"unrecognized arguments: --form x \(did you mean --format\?\)"):
        cli.parse("export", ["--format", "stablehlo", "--out", "x", "--form", "x"])


# ---------------------------------------------------------------- devices that are not there

ARGUMENTS = {
    "app": [],
    "train": ["gan", "--data", "D", "--out", "R"],
    "predict": ["drawing.png", "--out", "O"],
    "release": ["--gan", "R", "--out", "O"],
    "evaluate": ["--checkpoint", "C", "--data", "D"],
    "convert": ["pix2pix", "net.pth", "--out", "O"],
    "export": ["--format", "safetensors", "--out", "O"],
}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_platform_that_is_not_there_is_one_sentence(command, monkeypatch, tmp_path, root):
    import jax

    def devices():
        raise RuntimeError("Unable to initialize backend 'tpu': ...")

    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    monkeypatch.setattr(jax, "devices", devices)
    said = answer(*CALLED[command], *ARGUMENTS[command]).sentence
    assert "JAX_PLATFORMS is 'tpu' in the environment, but jax finds no such device here: unset it" in said
    assert not (root / "R").exists() and not (root / "O").exists()


@pytest.mark.parametrize("platform", ["cuda", "no_such"])
def test_jax_itself_adds_nothing_to_that_sentence(platform, root):
    command = [sys.executable, "-m", "sketch2photo.export", *ARGUMENTS["export"]]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "JAX_PLATFORMS": platform}, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"export: JAX_PLATFORMS is '{platform}'") and done.stderr.count("\n") == 1
