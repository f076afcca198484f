"""What a person sees of an error: one sentence and exit code 2."""

import ast
from pathlib import Path

import pytest

from sketch2photo import errors
from sketch2photo.errors import ConfigError, UserError, choose, exit_on_user_error

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UserError)]


def test_every_error_is_a_user_error_and_stands_in_the_docstrings_tree():
    assert len(KINDS) >= 6
    for kind in KINDS:
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_a_user_error_becomes_one_sentence_and_code_2(kind: type[UserError], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end, exit_on_user_error("train.py"):
        raise kind("no such folder 'x': name one that exists")
    assert end.value.code == 2
    assert capsys.readouterr() == ("", "train.py: no such folder 'x': name one that exists\n")


def test_ctrl_c_is_no_traceback(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end, exit_on_user_error("app.py"):
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert capsys.readouterr().err == "app.py: stopped\n"


def test_bugs_of_ours_are_not_dressed_up():
    with pytest.raises(ZeroDivisionError), exit_on_user_error("app.py"):
        raise ZeroDivisionError
    with exit_on_user_error("app.py"):
        pass


def test_choose_takes_what_is_known_and_names_the_nearest():
    presets = ("vanilla", "studio", "debug")
    assert choose("preset", "studio", presets) == "studio"
    with pytest.raises(ConfigError) as error:
        choose("preset", "vanila", presets)
    assert str(error.value) == ("unknown preset 'vanila': did you mean 'vanilla'? choose one of vanilla, studio, debug")
    with pytest.raises(ConfigError) as error:
        choose("preset", "zzz", list(presets))
    assert str(error.value) == "unknown preset 'zzz': choose one of vanilla, studio, debug"


def test_choose_lists_at_most_twenty():
    with pytest.raises(ConfigError) as error:
        choose("category", "?", [f"c{i}" for i in range(30)])
    assert str(error.value).endswith("c18, c19, ...")


def test_messages_are_raised_with_a_text(root: Path):
    """An error without a sentence would leave the person with nothing to do."""
    names = {kind.__name__ for kind in KINDS}
    bare = []
    for path in (root / "sketch2photo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and node.exc is not None:
                call = node.exc
                if isinstance(call, ast.Name) and call.id in names:
                    bare.append(f"{path.name}:{node.lineno}")
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names:
                    bare += [] if call.args else [f"{path.name}:{node.lineno}"]
    assert bare == []
