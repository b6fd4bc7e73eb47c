"""ONNX models small enough for tests, made with the onnx package, and the JSON beside them."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CELLS, WIDTH = 32, 8, 24
SETTINGS = {"input_size": SIDE, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.25]}


def weights(seed=0):
    """Return the matrix of the last layer, shape (3 * CELLS * CELLS, WIDTH)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3 * CELLS * CELLS, WIDTH)).astype(np.float32)


def expected(pictures, matrix, settings=SETTINGS):
    """Compute in numpy what `make`'s model gives for pictures of SIDE, scaled 0 to 255."""
    shown = (np.asarray(pictures, np.float64) / 255 - settings["mean"]) / settings["std"]
    cell = SIDE // CELLS
    small = shown.reshape(len(shown), CELLS, cell, CELLS, cell, 3).mean(axis=(2, 4))
    flat = small.transpose(0, 3, 1, 2).reshape(len(shown), -1)
    vectors = flat @ matrix
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make(
    path,
    settings=SETTINGS,
    *,
    seed=0,
    batch="N",
    layout="NCHW",
    kind=TensorProto.FLOAT,
    tail=(),
    outputs=("vectors",),
    shape=None,
    external=None,
    more_inputs=(),
    plain=False,
):
    """Write an encoder: colours averaged over CELLS x CELLS, then one linear layer.

    Parameters
    ----------
    path : Path
        The `.onnx` file; `settings` is written beside it as JSON, unless None.
    batch : str or int
        First axis: a name for any number of pictures.
    tail : sequence of NodeProto
        What follows `flat`, the vectors of the linear layer, instead of passing them on.
    outputs : sequence of str
        Names of the outputs, each made by `tail`.
    shape : list, optional
        Declared shape of the input.
    external : str, optional
        File beside it that takes the weights.
    plain : bool
        Only hand the pixels on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = SIDE // CELLS
    of_layout = [batch, 3, "H", "W"] if layout == "NCHW" else [batch, "H", "W", 3]
    nodes, source = [], "pixels"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [source], ["as floats"], to=TensorProto.FLOAT))
        source = "as floats"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [source], ["planes"], perm=[0, 3, 1, 2]))
        source = "planes"
    nodes += [
        helper.make_node(
            "AveragePool", [source], ["small"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", ["small"], ["row"]),
        helper.make_node("MatMul", ["row", "matrix"], ["flat"]),
        *(tail or [helper.make_node("Identity", ["flat"], [outputs[0]])]),
    ]
    if plain:
        nodes = [helper.make_node("Flatten", ["pixels"], ["vectors"])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", kind, shape or of_layout), *more_inputs],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(weights(seed), "matrix"), *CONSTANTS],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = {"save_as_external_data": True, "location": external, "size_threshold": 0}
    onnx.save_model(model, path, **(options if external else {}))
    if settings is not None:
        path.with_suffix(".json").write_text(json.dumps(settings))
    return path


CONSTANTS = [
    numpy_helper.from_array(np.array([0, 3, 8], np.int64), "to tokens"),
    numpy_helper.from_array(np.array([0, 6, 2, 2], np.int64), "to places"),
    numpy_helper.from_array(np.array([1, 24], np.int64), "one row"),
    numpy_helper.from_array(np.float32(-1), "minus one"),
]
