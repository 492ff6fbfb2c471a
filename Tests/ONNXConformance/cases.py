"""Writes the tests that the onnx package carries to a folder, for the conformance program.

    python cases.py FOLDER

Each case becomes a folder with model.onnx and its arrays as TensorProto files; cases.json lists them.
"""

import json
import pathlib
import sys
import warnings

import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

KINDS = ["node", "simple", "pytorch-converted", "pytorch-operator"]


def encoded(value, name):
    """The bytes of an array, or a list of them for a sequence; None where it is neither."""
    if value is None:
        return None
    if isinstance(value, list):
        return [encoded(part, name) for part in value]
    tensor = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(value, name)
    return tensor.SerializeToString()


def write(value, name, folder, stem):
    """Writes an array or a sequence of them; the paths, relative to the case."""
    data = encoded(value, name)
    if data is None:
        return None
    if isinstance(data, list):
        return [write_bytes(part, folder, f"{stem}_{i}.pb") for i, part in enumerate(data)]
    return write_bytes(data, folder, f"{stem}.pb")


def write_bytes(data, folder, name):
    (folder / name).write_bytes(data)
    return name


def loaded(path):
    """An array or a sequence of arrays from the files of a whole model's test."""
    data = path.read_bytes()
    try:
        return onnx.TensorProto.FromString(data)
    except Exception:
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))


def data_sets(case):
    """The inputs and outputs of a case."""
    if case.data_sets is not None:
        return case.data_sets
    sets = []
    for folder in sorted(pathlib.Path(case.model_dir).glob("test_data_set_*")):
        parts = []
        for kind in ["input", "output"]:
            files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda f: int(f.stem.split("_")[1]))
            parts.append([loaded(file) for file in files])
        sets.append(parts)
    return sets


def main(target):
    warnings.simplefilter("ignore")
    cases = []
    for kind in KINDS:
        for case in sorted(load_model_tests(kind=kind), key=lambda case: case.name):
            model = case.model or onnx.load(pathlib.Path(case.model_dir) / "model.onnx")
            for number, (inputs, outputs) in enumerate(data_sets(case)):
                folder = target / kind / f"{case.name}_{number}"
                folder.mkdir(parents=True, exist_ok=True)
                entry = {
                    "name": case.name,
                    "kind": kind,
                    "folder": f"{kind}/{case.name}_{number}",
                    "operators": sorted({node.op_type for node in model.graph.node}),
                    "relative": case.rtol,
                    "absolute": case.atol,
                }
                (folder / "model.onnx").write_bytes(model.SerializeToString())
                try:
                    entry["inputs"] = [
                        {"name": info.name, "file": write(value, info.name, folder, f"input_{i}")}
                        for i, (info, value) in enumerate(zip(model.graph.input, inputs))
                    ]
                    entry["outputs"] = [
                        {"name": info.name, "file": write(value, info.name, folder, f"output_{i}")}
                        for i, (info, value) in enumerate(zip(model.graph.output, outputs))
                    ]
                except Exception as error:
                    entry["unreadable"] = str(error)
                cases.append(entry)
    (target / "cases.json").write_text(json.dumps(cases))
    print(f"{len(cases)} cases of onnx {onnx.__version__}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
