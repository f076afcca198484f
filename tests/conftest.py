"""What every test shares."""

import collections
import os
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sketch2photo import kernels  # noqa: E402

# What XLA compiles runs for moments here, and compiling took most of the suite's time: the step of `debug` and its
# first weights 62 s of a processor, 19 s unoptimised, and a third of that again by the older of XLA's two code
# generators. XLA of jax 0.10.2 gets the gradient of batch norm before a maximum wrong for some shapes unoptimised (12
# maps of 2x2: NaN): a test that fails by a NaN is to be tried without.
for flag in ("--xla_backend_optimization_level=0", "--xla_cpu_use_fusion_emitters=false"):
    if flag.partition("=")[0] not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()

# Two processes of tests on two cores: each, and each that it starts, keeps to one thread where it computes.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):
        os.environ.setdefault(name, "1")

# The steps that a person's own runs keep are not pushed out by those of tests.
_cache = kernels._cache_folder()
if _cache is not None:
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache.with_name("xla-of-tests")))

kernels.prepare()

# `scripts/test --all` asks for the thorough one.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=150, deadline=None)
hypothesis.settings.load_profile("quick")

LIMIT_OF_SLOW = 900
"""Seconds; others have the limit of pyproject.toml."""


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
    """Tests that need the internet run only with `-m network`, and slow ones may take their time."""
    for item in items:
        if item.get_closest_marker("network") and "network" not in (config.option.markexpr or ""):
            item.add_marker(pytest.mark.skip(reason="needs the internet: ask for it with -m network"))
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LIMIT_OF_SLOW))


# ---------------------------------------------------------------- what was left out

LEFT_OUT = pytest.StashKey[collections.Counter[str]]()
"""Slow tests that were not run, by file."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = collections.Counter()


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow"):
            item.config.stash[LEFT_OUT][item.nodeid.partition("::")[0]] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this one, if it is one of several."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    """Each of several processes has collected all tests, so that one speaks for all."""
    told = getattr(node, "workeroutput", {}).get("left out", {})
    node.config.stash[LEFT_OUT] = collections.Counter(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash[LEFT_OUT]
    if left_out:
        terminalreporter.section("left out")
        for file, number in sorted(left_out.items()):
            terminalreporter.write_line(f"{number:3} slow in {file}")
        terminalreporter.write_line(f"{left_out.total()} slow tests were left out: scripts/test --all runs them too")


# ---------------------------------------------------------------- browser tests that are required


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
