"""Writes ../ONNXGoldens.swift: the bytes that onnx and torch make of small models.

Needs onnx and torch. Run it in this folder and compare the change before it is kept.
"""

import base64
import io
import warnings

import ml_dtypes
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper


def array(name, values, dtype="<f4"):
    return numpy_helper.from_array(np.array(values, dtype), name)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model_bytes(graph, domains=(), is_strict=True):
    opsets = [helper.make_opsetid(d, 1) for d in domains] + [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="maker", producer_version="1.5", ir_version=9)
    if is_strict:
        onnx.checker.check_model(model)
    return model.SerializeToString()


def network():
    """Two layers; the weights stand among the inputs as well, as in old files."""
    nodes = [
        helper.make_node("Gemm", ["x", "first.weight", "first.bias"], ["h"], name="first", transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "second.weight"], ["y"], name="second"),
    ]
    weights = [
        array("first.weight", [[1, 2], [3, 4], [5, 6]]),
        array("first.bias", [0.5, -0.5, 0.25]),
        array("second.weight", [[1], [-1], [2]]),
    ]
    inputs = [value("x", ["batch", 2]), value("first.weight", [3, 2])]
    return model_bytes(helper.make_graph(nodes, "network", inputs, [value("y", ["batch", 1])], weights))


six = [[0, 1, 2], [3, 4, 100]]
types = {
    "float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8,
    "uint16": TensorProto.UINT16, "int16": TensorProto.INT16, "int32": TensorProto.INT32,
    "int64": TensorProto.INT64, "float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE,
    "uint32": TensorProto.UINT32, "uint64": TensorProto.UINT64, "bfloat16": TensorProto.BFLOAT16,
}


def elements(raw):
    """The same six numbers in every type, in raw_data or in the fields of the types."""
    tensors = []
    for name, code in types.items():
        dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
        plain = np.array(six).astype(dtype)
        tensors.append(numpy_helper.from_array(plain, name) if raw else helper.make_tensor(name, code, [2, 3], plain.flatten()))
    truth = np.array([[False, True, True]])
    tensors.append(numpy_helper.from_array(truth, "bool") if raw else helper.make_tensor("bool", TensorProto.BOOL, [1, 3], truth.flatten()))
    tensors.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"not a number"]))
    tensors.append(array("empty", np.zeros((0, 4))))
    tensors.append(array("scalar", 2.5))
    nodes = [helper.make_node("Identity", ["float32"], ["y"])]
    return model_bytes(helper.make_graph(nodes, "elements", [], [value("y", [2, 3])], tensors))


def attributes():
    """An operator of somebody else with an attribute of each kind, a constant, and inputs whose shapes say little."""
    nodes = [
        helper.make_node("Constant", [], ["c"], value=array("", [1, 2], "<i8")),
        helper.make_node(
            "Special", ["x", "", "c"], ["y"], domain="org.example", whole=-3, half=0.5, text="né",
            wholes=[1, -2, 3], halves=[0.5, 0.25], texts=["a", "b"],
        ),
    ]
    inputs = [value("x", None), value("z", [None, -1, 4, "n"], TensorProto.INT64)]
    return model_bytes(helper.make_graph(nodes, "attributes", inputs, [value("y", [])]), ["org.example"], is_strict=False)


def branches():
    """Two graphs in a graph, which read a value of the one around them."""
    def branch(operator, name):
        node = helper.make_node(operator, ["x"], [name])
        return helper.make_graph([node], operator, [], [value(name, [2])])

    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=branch("Neg", "n"), else_branch=branch("Abs", "a"))]
    inputs = [value("c", [], TensorProto.BOOL), value("x", [2])]
    return model_bytes(helper.make_graph(nodes, "branches", inputs, [value("y", [2])]))


def function():
    """An operator that the model itself defines."""
    twice = helper.make_function(
        "own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 20)])
    graph = helper.make_graph(
        [helper.make_node("Twice", ["x"], ["y"], domain="own")], "function", [value("x", [2])], [value("y", [2])])
    model = helper.make_model(
        graph, functions=[twice], opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("own", 1)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def exported():
    """What PyTorch's older exporter writes of a linear layer."""
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.5, -2.0]]))
        layer.bias.copy_(torch.tensor([0.25]))
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            layer, (torch.zeros(1, 2),), file, dynamo=False, opset_version=17, input_names=["x"],
            output_names=["y"], dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}})
    return file.getvalue()


goldens = [
    ("onnxNetwork", "Gemm, Relu, MatMul", network()),
    ("onnxRaw", "[[0, 1, 2], [3, 4, 100]] in every type, as raw_data", elements(True)),
    ("onnxTyped", "the same in the fields of the types", elements(False)),
    ("onnxAttributes", "an attribute of each kind", attributes()),
    ("onnxBranches", "graphs in a graph", branches()),
    ("onnxExported", f"torch.nn.Linear(2, 1) by torch {torch.__version__.split('+')[0]}", exported()),
]
others = [
    ("function", "a model with a function of its own", function()),
    ("tensor", "a TensorProto alone", array("input_0", [[1, 2], [3, 4]]).SerializeToString()),
]


def declaration(name, comment, data):
    text = base64.b64encode(data).decode()
    lines = [text[i : i + 90] for i in range(0, len(text), 90)]
    return f"  // {comment}\n  static let {name} = \"\"\"\n" + "".join(f"    {line}\n" for line in lines) + '    """\n'


with open("../ONNXGoldens.swift", "w") as file:
    file.write("// Written by Goldens/make_onnx_goldens.py.\n\n")
    file.write(f"/// Small models made by onnx {onnx.__version__} and PyTorch, in base64.\nenum ONNXGolden {{\n")
    for golden in goldens + others:
        file.write(declaration(*golden))
    file.write("  /// All models that can be read, by name.\n  static let all: [(name: String, text: String)] = [\n")
    for name, _, _ in goldens:
        file.write(f'    ("{name}", {name}),\n')
    file.write("  ]\n}\n")
