"""The JavaScript unit tests, by the node inside Playwright's wheel."""

import subprocess
from pathlib import Path

import playwright


def test_javascript() -> None:
    node = Path(playwright.__file__).parent / "driver" / "node"
    files = [str(file) for file in sorted(Path("tests/js").glob("*.test.js"))]
    assert files
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout or "ℹ fail 0" in done.stdout
