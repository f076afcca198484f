"""The settings of the process: made before jax is imported, and never in the place of somebody's own."""

import os
import sys
import types

import pytest

from sketch2photo import kernels


@pytest.fixture
def before_jax(monkeypatch, tmp_path):
    """As in a process that has not imported jax and has no settings of its own."""
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.setattr(os, "environ", {"XDG_CACHE_HOME": str(tmp_path)})
    return tmp_path


def test_flag_and_cache_are_set(before_jax):
    kernels.prepare()
    assert os.environ["XLA_FLAGS"] == kernels._FUSION_FLAG
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(before_jax / "sketch2photo" / "xla")
    assert (before_jax / "sketch2photo" / "xla").is_dir()


def test_training_waits_for_each_step_and_keeps_what_it_frees(before_jax, monkeypatch):
    asked = []
    glibc = types.SimpleNamespace(mallopt=lambda option, value: asked.append((option, value)))
    monkeypatch.setattr(kernels.ctypes, "CDLL", lambda name: glibc)
    monkeypatch.setattr(kernels.sys, "platform", "linux")
    kernels.prepare()
    assert "JAX_CPU_ENABLE_ASYNC_DISPATCH" not in os.environ and not asked
    kernels.prepare(training=True)
    assert os.environ["JAX_CPU_ENABLE_ASYNC_DISPATCH"] == "false"
    assert (kernels._M_MMAP_MAX, 0) in asked


def test_training_starts_where_malloc_has_no_settings(before_jax, monkeypatch):
    monkeypatch.setattr(kernels.ctypes, "CDLL", lambda name: types.SimpleNamespace())
    kernels.prepare(training=True)


def test_what_is_set_stays(before_jax):
    own = {"XLA_FLAGS": "--xla_cpu_experimental_ynn_fusion_type=all", "JAX_COMPILATION_CACHE_DIR": "elsewhere"}
    os.environ.update(own)
    kernels.prepare()
    assert {name: os.environ[name] for name in own} == own


def test_a_flag_that_jaxlib_may_not_know_is_left_out(before_jax, monkeypatch):
    monkeypatch.setattr(kernels.importlib.metadata, "version", lambda name: "0.12.0")
    kernels.prepare()
    assert "XLA_FLAGS" not in os.environ


def test_where_nothing_can_be_written_nothing_is_kept(before_jax):
    (before_jax / "sketch2photo").write_text("")
    kernels.prepare()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def test_once_jax_is_imported_nothing_is_changed(before_jax, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", sys)
    kernels.prepare()
    assert "XLA_FLAGS" not in os.environ
