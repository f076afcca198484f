"""What every test shares."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sketch2photo.kernels import runtime  # noqa: E402

# What XLA compiles runs for moments here: the step of `debug` and its first weights took 62 s of a processor to
# compile, 19 s so. Not at the usual level but at this one, XLA of jax 0.10.2 gets the gradient of batch norm before a
# maximum wrong for some shapes (12 maps of 2x2: NaN): a test that fails by a NaN is to be tried without.
OPTIMISATION = "--xla_backend_optimization_level=0"
if "xla_backend_optimization_level" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {OPTIMISATION}".strip()

# The steps that a person's own runs keep are not pushed out by those of tests.
_cache = runtime._cache_folder()
if _cache is not None:
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache.with_name("xla-of-tests")))

runtime.prepare()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real photos and sketches; tests that need them skip by name where they are absent."""
    folder = Path(os.environ.get("S2P_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the real data: set S2P_DATA to its folder")
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need the internet run only with `-m network`."""
    if "network" not in (config.option.markexpr or ""):
        for item in items:
            if item.get_closest_marker("network"):
                item.add_marker(pytest.mark.skip(reason="needs the internet: ask for it with -m network"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if item.get_closest_marker("browser"):
        _refuse_to_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if "browser" in collector.path.parts:
        _refuse_to_skip(report)
    return report


def _refuse_to_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where browser tests are required (CI), one that would be skipped has failed."""
    if report.skipped and os.environ.get("S2P_REQUIRE_BROWSER") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"S2P_REQUIRE_BROWSER is set, but this browser test was to be skipped. {reason}"
