"""The demo, from nothing to a study in the browser. Every step is a command that you can run yourself; what was done
before is used again."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
DATA = Path(os.environ.get("ALIKE_DATA_DIR", "data"))
STORE = os.environ.get("ALIKE_STORE", str(DATA / "store"))
PORT = os.environ.get("ALIKE_PORT", "8000")
ADDRESS = os.environ.get("ALIKE_PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
EMAIL = "demo@example.org"
SETS = ("demo/standard", "demo/robust")
OBSERVERS, ALIGNMENT = 12, 0.75


def step(title: str, *command: str, quiet: bool = False) -> str:
    """Run one command; a failure ends the demo with its own message."""
    print(f"\n• {title}\n  $ {' '.join(command)}", flush=True)
    done = subprocess.run([str(BIN / command[0]), *command[1:]], check=False, text=True, stdout=subprocess.PIPE)
    if done.stdout and not quiet:
        print("  " + done.stdout.strip().replace("\n", "\n  "), flush=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def published() -> bool:
    lines = json.loads(step("Studies there are", "alike", "study", "list", "--json", quiet=True))
    return any(line["slug"] == "demo" and line["version"] for line in lines)


def password() -> str:
    """Random, made on first run, kept beside the data for the next one."""
    kept = DATA / "demo-login"
    if not kept.exists():
        made = secrets.token_urlsafe(12)
        command = [str(BIN / "alike"), "researcher", "add", EMAIL, "--password-stdin"]
        subprocess.run(command, input=f"{made}\n", text=True, check=True, stdout=subprocess.DEVNULL)
        kept.touch(mode=0o600)
        kept.write_text(made)
    return kept.read_text()


def healthy(server: "subprocess.Popen[bytes]") -> bool:
    """Wait until the server answers; False if it ended instead."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def main() -> None:
    step("Database", "alike", "db", "upgrade", quiet=True)
    first = not published()
    if first:
        models = str(DATA / "models")
        step(
            "Train two networks (a few minutes)",
            "alike-generate",
            "train",
            str(HERE / "train.toml"),
            "--out",
            models,
        )
        generate = HERE / "generate.toml"
        step(
            "Make images that they cannot tell from their targets",
            "alike-generate",
            "run",
            str(generate),
            "--models",
            models,
            "--store",
            STORE,
        )
        step("How far they are from their targets", "alike-generate", "report", *SETS, "--store", STORE)
        step("Write down the study", "alike", "study", "new", str(HERE / "study.toml"), quiet=True)
        step("Publish it", "alike", "study", "publish", "demo")
    login = password()
    server = subprocess.Popen([str(BIN / "alike"), "serve"])
    try:
        if not healthy(server):
            sys.exit(server.returncode or 1)
        if first:
            options = (
                "--observers",
                str(OBSERVERS),
                "--alignment",
                str(ALIGNMENT),
                "--url",
                f"http://127.0.0.1:{PORT}",
            )
            step("Simulated observers, so that the results page is not empty", "alike", "simulate", "demo", *options)
        print(
            f"\n  Take part        {ADDRESS}/s/demo\n  See the results  {ADDRESS}/studies/demo\n"
            f"  Log in with      {EMAIL}  {login}\n\n  Ctrl-C stops the server; `make demo` starts it again.\n",
            flush=True,
        )
        server.wait()
    except KeyboardInterrupt:
        server.wait()


if __name__ == "__main__":
    main()
