"""Executes the notebooks beside this file, each in a fresh kernel and a temporary folder."""

import os
import pathlib
import sys
import tempfile

import nbclient
import nbformat


def main() -> int:
    folder = pathlib.Path(__file__).resolve().parent
    build = folder.parent / ".build" / "release"
    os.environ["PATH"] = f"{build}{os.pathsep}{os.environ['PATH']}"
    results = folder.parent / ".build" / "notebooks" / "executed"
    results.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as scratch:
            client = nbclient.NotebookClient(
                notebook, timeout=300, resources={"metadata": {"path": scratch}}
            )
            client.execute()
        nbformat.write(notebook, results / path.name)
        print(f"executed {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
