"""sdist -> wheel -> clean environment: what a user installs is whole, and is Lakebed alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sources import ROOT, data_files, source_files

pytestmark = pytest.mark.slow
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "out", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "coco-sample"
)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an sdist of a copy of this tree, and the wheel made from that sdist."""
    tree, out = tmp_path_factory.mktemp("tree") / "lakebed", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, tree, ignore=NOT_SOURCE)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


def test_the_wheel_holds_lakebed_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"lakebed"}


def test_the_wheel_holds_every_source_file_and_all_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("lakebed/")}
    modules = {
        name.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")
        for name, path in source_files().items()
    }
    assert held == modules | set(data_files())
    assert "lakebed/py.typed" in held


def test_the_sdist_holds_the_licence_and_the_source_folders(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {str(path.relative_to(ROOT)) for path in source_files().values()} | {
        "LICENSE",
        "README.md",
        "pyproject.toml",
    }
    assert wanted - names == set()


def test_the_wheel_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed; `make setup` brings it")
    clean = tmp_path / "venv"
    python = clean / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(uv, "venv", "--quiet", "--python", sys.executable, clean)
    run(uv, "pip", "install", "--quiet", "--python", python, "--constraint", ROOT / "constraints.txt", wheel)
    shutil.copy(ROOT / "tests/packaging/smoke.py", tmp_path)
    assert run(python, "-W", "error", "smoke.py", clean, cwd=tmp_path).strip().endswith("ok")
    assert "Usage" in run(python.with_name("lakebed"), "--help", cwd=tmp_path)
