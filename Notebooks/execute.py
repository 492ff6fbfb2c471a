"""Executes the notebooks beside this file, each in a fresh kernel and a temporary folder.

With --store the notebooks keep what they printed and drew, without the machine's paths and times.
"""

import os
import pathlib
import re
import sys
import tempfile

import nbclient
import nbformat

# Seconds that a run took say something about one machine on one day.
SECONDS = re.compile(r"\bin [0-9.,]+ (s|ms|min)\b")


def clean(text: str, scratch: str) -> str:
    """A text without the folder of this execution, and without how long things took."""
    for path in {scratch, os.path.realpath(scratch), str(pathlib.Path.home())}:
        text = text.replace(path + os.sep, "").replace(path, ".")
    return SECONDS.sub("in … s", text)


def strip(notebook: nbformat.NotebookNode, scratch: str) -> None:
    """Leaves of the outputs what the notebook says, and nothing of where and when it was run."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        # Progress and warnings are not results.
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        for output in cell.outputs:
            output.get("metadata", {}).clear()
            if "text" in output:
                output["text"] = clean(output["text"], scratch)
            for kind, value in output.get("data", {}).items():
                if kind.startswith("text/"):
                    output["data"][kind] = clean(value, scratch)
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    })


def main() -> int:
    stores = "--store" in sys.argv[1:]
    names = [name for name in sys.argv[1:] if not name.startswith("--")]
    folder = pathlib.Path(__file__).resolve().parent
    build = folder.parent / ".build" / "release"
    os.environ["PATH"] = f"{build}{os.pathsep}{os.environ['PATH']}"
    results = folder.parent / ".build" / "notebooks" / "executed"
    results.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.ipynb")):
        if names and path.name not in names:
            continue
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as scratch:
            client = nbclient.NotebookClient(
                notebook, timeout=300, resources={"metadata": {"path": scratch}}
            )
            client.execute()
            nbformat.write(notebook, results / path.name)
            if stores:
                strip(notebook, scratch)
                nbformat.write(notebook, path)
        print(f"executed {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
