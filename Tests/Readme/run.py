"""Runs what README.md says, as it stands: every command of its indented blocks and its Python snippet.

    python3 Tests/Readme/run.py [FOLDER OF THE COMMAND]

Each section has a folder of its own, in which the demo's run is there as `make demo` leaves it. A block
below a comment `<!-- not run: … -->` is left out. The Swift snippet is a program that the tests build.
"""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def sections(text):
    """The title of each section and its lines."""
    title, lines = "beginning", []
    for line in text.split("\n"):
        if line.startswith("## "):
            yield title, lines
            title, lines = line[3:], []
        else:
            lines.append(line)
    yield title, lines


def steps(lines):
    """What is to be run, in order: ("shell", command) or ("python", program)."""
    place, skips = 0, False
    while place < len(lines):
        line = lines[place]
        if line.startswith("<!-- not run:"):
            skips = True
        if line.startswith("```"):
            end = lines.index("```", place + 1)
            if line == "```python" and not skips:
                yield "python", "\n".join(lines[place + 1:end])
            place, skips = end + 1, False
            continue
        if not line.startswith("    ") or (place and lines[place - 1].strip()):
            place += 1
            continue
        end = place
        while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
            end += 1
        block = [text[4:] for text in lines[place:end]]
        if not skips:
            yield from (("shell", command) for command in commands(block))
        place, skips = end, False


def commands(block):
    """The commands of a block: behind `$ `, or all of it where it is nothing else."""
    has_prompts = any(line.startswith("$ ") for line in block)
    if not has_prompts and not re.match(r"(palimpsest|make) ", block[0]):
        return
    current = ""
    for line in block:
        if not current:
            if has_prompts and not line.startswith("$ ") or not line.strip():
                continue
            line = line[2:] if has_prompts else line
        current += line + "\n"
        if not line.endswith("\\"):
            yield current.strip()
            current = ""


def main() -> int:
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build" / "release").resolve()
    has_torch = all(importlib.util.find_spec(name) for name in ("torch", "onnxscript", "safetensors"))
    count = failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {"PATH": f"{build}{os.pathsep}{os.environ['PATH']}"}
        demo = pathlib.Path(scratch) / "demo-report"
        subprocess.run(
            [build / "palimpsest", "demo", "--out", demo], check=True, capture_output=True)
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        for number, (title, lines) in enumerate(sections(text)):
            folder = pathlib.Path(scratch) / f"section-{number}"
            (folder / ".build").mkdir(parents=True)
            (folder / ".build" / "release").symlink_to(build)
            (folder / "demo-report").symlink_to(demo)
            for kind, step in steps(lines):
                if kind == "python" and not has_torch:
                    print(f"left out, for want of PyTorch: section {title}")
                    break
                if step.startswith("make "):
                    continue  # They build this very program, and run the tests.
                start = time.monotonic()
                arguments = ["bash", "-euo", "pipefail", "-c", step]
                if kind == "python":
                    arguments = [sys.executable, "-W", "ignore", "-c", step]
                done = subprocess.run(
                    arguments, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                    capture_output=True, text=True, check=False)
                count += 1
                first = step.split("\n")[0] if kind == "shell" else "the Python snippet"
                print(f"{time.monotonic() - start:6.1f} s  {first}", flush=True)
                if done.returncode != 0:
                    failures += 1
                    print(f"exit status {done.returncode}\n{step}\n{done.stderr}", file=sys.stderr)
    print(f"{count} of README's commands run, {failures} failed")
    return 1 if failures or count < 8 else 0


if __name__ == "__main__":
    sys.exit(main())
