"""ONNX encoders: right vectors for any layout and batch, one sentence for what cannot be used."""

import importlib
import json

import numpy as np
import pytest
import tiny_onnx
from drawn import photo
from onnx import TensorProto, helper
from tiny_onnx import SETTINGS, SIDE, expected

from dedup_nb.finders import embeddings, encoders, onnx
from dedup_nb.finders.onnx import container, settings
from dedup_nb.pictures import orientations

UPRIGHT = orientations.ORIENTATIONS[0]


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], **attributes)


def noise(n, height=SIDE, width=SIDE):
    return np.random.default_rng(5).integers(0, 256, (n, height, width, 3), np.uint8)


def opened(path, device="cpu"):
    return onnx.Weights.of("", str(path), device)


def encoded(path, pictures, turn=UPRIGHT):
    stored = opened(path).load().encode([one.tobytes() for one in pictures], turn)
    return encoders.unpack(stored)


def settings_of(path, **changes):
    path.with_suffix(".json").write_text(json.dumps(SETTINGS | changes))
    return path


RAW = {"mean": 0, "std": 1, "range": 255}

# ---------------------------------------------------------------- vectors


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"batch": 1},
        {"batch": 3},
        {"layout": "NHWC"},
        {"layout": "NHWC", "batch": 4},
        {"shape": ["N", 3, SIDE, SIDE]},
        {"kind": TensorProto.FLOAT16},
        {"kind": TensorProto.DOUBLE},
        {"external": "tiny.data"},
    ],
    ids=str,
)
def test_vectors_are_those_of_the_model_whatever_its_form(tmp_path, form):
    given = SETTINGS | ({"layout": "NHWC"} if form.get("layout") else {})
    path = tiny_onnx.make(tmp_path / "tiny.onnx", given, **form)
    pictures = noise(19)
    error = np.abs(encoded(path, pictures) - expected(pictures, tiny_onnx.weights())).max()
    assert error < (2e-3 if form.get("kind") == TensorProto.FLOAT16 else 1e-6)


def test_a_model_of_whole_numbers_gets_them_as_they_are(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | RAW, kind=TensorProto.UINT8)
    own = {"mean": 0, "std": 1 / 255}
    pictures = noise(3)
    assert np.allclose(
        encoded(path, pictures), expected(pictures, tiny_onnx.weights(), own), atol=1e-6
    )


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ({"colour_order": "BGR"}, lambda shown: shown[..., ::-1]),
        ({"color_order": "bgr"}, lambda shown: shown[..., ::-1]),
        ({"range": 255, "mean": [127.5, 102, 76.5], "std": [51, 76.5, 63.75]}, lambda shown: shown),
    ],
)
def test_pictures_are_prepared_as_the_json_says(tmp_path, said, means):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | said)
    pictures = noise(3)
    wanted = expected(means(pictures), tiny_onnx.weights())
    assert np.allclose(encoded(path, pictures), wanted, atol=1e-6)


@pytest.mark.parametrize("crop", [0.8, 0.5, 32 / 37])
def test_the_middle_is_cut_out_of_a_larger_raster_and_turns_with_it(tmp_path, crop):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | {"crop": crop})
    model = opened(path).load()
    side = model.input.height
    assert abs(side - SIDE / crop) <= 1 and (side - SIDE) % 2 == 0
    pictures = noise(2, side, side)
    margin = (side - SIDE) // 2
    middle = pictures[:, margin : margin + SIDE, margin : margin + SIDE]
    for transposed, columns, rows in orientations.ORIENTATIONS:
        turned = middle.swapaxes(1, 2) if transposed else middle
        turned = turned[:, :, ::-1] if columns else turned
        turned = turned[:, ::-1] if rows else turned
        found = encoded(path, pictures, (transposed, columns, rows))
        assert np.allclose(found, expected(turned, tiny_onnx.weights()), atol=1e-6)


def test_the_resize_mode_is_that_of_the_json(tmp_path):
    said = {"resize_mode": "squash", "interpolation": "bilinear", "fill": 9}
    made = opened(tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | said)).load()
    assert made.input == (SIDE, SIDE, "squash", "bilinear", 9)


@pytest.mark.parametrize(
    ("to", "pooling", "means"),
    [
        ("to tokens", "first", lambda tokens: tokens[:, 0]),
        ("to tokens", "mean", lambda tokens: tokens.mean(axis=1)),
        ("to tokens", "mean_rest", lambda tokens: tokens[:, 1:].mean(axis=1)),
        ("to places", "mean", lambda planes: planes.mean(axis=(2, 3))),
    ],
)
def test_tokens_and_places_become_one_vector_by_pooling(tmp_path, to, pooling, means):
    tail = [node("Reshape", ["flat", to], "vectors")]
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | {"pooling": pooling}, tail=tail)
    pictures = noise(5)
    shape = (5, 3, 8) if to == "to tokens" else (5, 6, 2, 2)
    flat = (pictures / 255 - SETTINGS["mean"]) / SETTINGS["std"]
    small = flat.reshape(5, 8, 4, 8, 4, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2).reshape(5, -1)
    wanted = means((small @ tiny_onnx.weights()).reshape(shape))
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(encoded(path, pictures), wanted, atol=1e-6)


def test_an_output_is_chosen_by_its_name(tmp_path):
    tail = [node("Identity", ["flat"], "vectors"), node("Mul", ["flat", "minus one"], "others")]
    path = tmp_path / "tiny.onnx"
    tiny_onnx.make(path, SETTINGS | {"output": "others"}, tail=tail, outputs=("vectors", "others"))
    pictures = noise(2)
    assert np.allclose(encoded(path, pictures), -expected(pictures, tiny_onnx.weights()), atol=1e-6)


@pytest.mark.parametrize("batch", ["N", 1, 3])
def test_neither_order_nor_company_nor_threads_change_a_byte(tmp_path, batch):
    model = opened(tiny_onnx.make(tmp_path / "tiny.onnx", batch=batch)).load()
    pictures = [one.tobytes() for one in noise(19)]
    every = model.encode(pictures, UPRIGHT)
    assert model.encode(pictures[::-1], UPRIGHT)[::-1] == every
    assert [model.encode([one], UPRIGHT)[0] for one in pictures[:3]] == every[:3]
    alone = opened(tmp_path / "tiny.onnx").load()
    alone.threads = 1
    assert alone.encode(pictures, UPRIGHT) == every


def test_the_runtime_gets_one_thread_for_each_chunk(tmp_path):
    model = opened(tiny_onnx.make(tmp_path / "tiny.onnx")).load()
    options = model._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert model.batch == model.chunk * model.threads


def test_a_picture_without_a_vector_is_left_out_alone(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | {"mean": 0})
    pictures = noise(3)
    pictures[1] = 0  # all black: a vector of zeros, which has no direction
    stored = opened(path).load().encode([one.tobytes() for one in pictures], UPRIGHT)
    assert [len(value) > 0 for value in stored] == [True, False, True]
    assert stored[1] == encoders.NOT_A_VECTOR


# ---------------------------------------------------------------- key and thresholds


def test_the_key_is_that_of_the_contents(tmp_path):
    first = tiny_onnx.make(tmp_path / "one.onnx")
    copy = tiny_onnx.make(tmp_path / "renamed.onnx", SETTINGS | {"name": "x", "min_cosine": 0.3})
    assert opened(first).key == opened(copy).key
    others = [
        opened(tiny_onnx.make(tmp_path / "other.onnx", seed=1)).key,
        opened(settings_of(copy, mean=0.5)).key,
        opened(settings_of(copy, crop=0.5)).key,
        opened(tiny_onnx.make(tmp_path / "outside.onnx", external="a.data")).key,
    ]
    data = (tmp_path / "a.data").read_bytes()
    (tmp_path / "a.data").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    others.append(opened(tmp_path / "outside.onnx").key)
    assert len({opened(first).key, *others}) == 6


def test_the_json_of_the_whole_name_beats_that_of_the_stem(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | {"name": "by stem"})
    (tmp_path / "tiny.onnx.json").write_text(json.dumps(SETTINGS | {"name": "by whole name"}))
    assert opened(path).says == "by whole name (tiny.onnx)"


@pytest.mark.parametrize(
    ("own", "given", "right"),
    [
        ({"min_cosine": 0.34}, (None, None), (0.34, 0.24)),
        ({"min_cosine": 0.34, "floor": 0.2}, (None, None), (0.34, 0.2)),
        ({"min_cosine": 0.34, "floor": 0.2}, (0.5, None), (0.5, 0.2)),
        ({"min_cosine": 0.34, "floor": 0.2}, (0.1, None), (0.1, 0.1)),
        ({}, (0.8, None), (0.8, 0.7)),
        ({"min_cosine": -0.95}, (None, None), (-0.95, -1)),
    ],
)
def test_thresholds_are_those_of_the_json_unless_the_profile_sets_them(
    tmp_path, own, given, right
):  # fmt: skip
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | own)
    assert embeddings.embedder("onnx", "", str(path)).thresholds(*given) == right


def test_a_threshold_is_never_guessed(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    with pytest.raises(ValueError, match=r"nothing gives min_cosine for tiny \(tiny\.onnx\)"):
        embeddings.embedder("onnx", "", str(path)).thresholds(None, None)


# ---------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"input_sise": 32}, "the key input_sise, which is not known; did you mean input_size?"),
        ({"zzz": 1}, "the key zzz, which is not known; choose from input_size, mean"),
        ({"size": 32}, "gives input_size twice, also as size"),
        ({"mean": [1, 2]}, "sets mean to [1, 2]; it must be three numbers, one a colour"),
        ({"std": 0}, "sets std to 0; it must be three numbers above 0"),
        ({"std": [1, "1", 1]}, "it must be three numbers above 0"),
        ({"mean": float("nan")}, "sets mean to NaN"),
        ({"mean": 10**400}, "it must be three numbers"),
        ({"input_size": [1, 2, 4]}, "it must be a side in pixels or [height, width]"),
        ({"input_size": True}, "it must be a side in pixels"),
        ({"input_size": 4}, "each from 8 to 4096"),
        ({"input_size": "32"}, 'sets input_size to "32"'),
        ({"layout": "CHWN"}, "choose one of NCHW, NHWC"),
        ({"range": 2}, "it must be 1 or 255"),
        ({"crop": 0}, "it must be a number from 0.1 to 1"),
        ({"pooling": "max"}, "choose one of none, first, mean, mean_rest"),
        ({"batch": 1.5}, "it must be a whole number from 0 to 1024"),
        ({"name": "a\nb"}, "it must be text on one line"),
        ({"min_cosine": 2}, "it must be a number from -1 to 1"),
        ({"min_cosine": 0.5, "floor": 0.6}, "sets floor 0.6 above min_cosine 0.5"),
        ({"input_size": None, "mean": None}, "sets input_size to null"),
    ],
    ids=str,
)
def test_a_wrong_json_is_one_sentence(tmp_path, changes, complaint):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | changes)
    assert complaint in refusal(lambda: opened(path))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "tiny.json is damaged: it is empty"),
        ("{", "tiny.json is damaged: "),
        ("[1]", "does not hold a JSON object"),
        ('{"mean": 0}', "tiny.json lacks input_size, std; an example is {"),
    ],
)
def test_a_damaged_json_is_one_sentence(tmp_path, text, complaint):
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    path.with_suffix(".json").write_text(text)
    assert complaint in refusal(lambda: opened(path))


def test_a_model_without_its_json_says_what_to_write(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", None)
    said = refusal(lambda: opened(path))
    assert "write tiny.json such as" in said
    example = said[said.index("{") : said.rindex("}") + 1]
    assert settings.of(json.loads(example), path, "x").input_size == (224, 224)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("laion2b_s34b_b79k", "pretrained is laion2b_s34b_b79k; set pretrained to the path"),
        ("/nowhere/a.onnx", "pretrained names the model /nowhere/a.onnx, which does not exist"),
    ],
)
def test_a_name_that_is_no_model_is_one_sentence(name, complaint):
    assert complaint in refusal(lambda: opened(name))


def test_a_folder_is_not_a_model(tmp_path):
    (tmp_path / "a.onnx").mkdir()
    assert "a.onnx, which is not a file" in refusal(lambda: opened(tmp_path / "a.onnx"))


def test_clip_says_which_embedder_reads_an_onnx_file(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    chosen = embeddings.embedder("clip", pretrained=str(path))
    assert "set embedder: onnx" in refusal(chosen.weights.loadable)


FLAT = ["flat"]
UNUSABLE = {
    "another size": ({"shape": ["N", 3, 64, 64], "plain": True}, {}, "says NCHW of [N, 3, 32, 32]; correct"),
    "another layout": ({"shape": ["N", SIDE, SIDE, 3], "plain": True}, {}, "correct input_size or layout there"),
    "three axes": ({"shape": [3, SIDE, SIDE], "plain": True}, {}, "is not a batch of pictures (4 axes, NCHW)"),
    "numbers of words": ({"kind": TensorProto.INT64}, {}, "takes tensor(int64) as its input"),
    "no vectors": (
        {"tail": [node("ArgMax", FLAT, "vectors", axis=1, keepdims=0)]}, {},
        "returns [2] for 2 pictures, of int64, not vectors; in",
    ),
    "one number a picture": (
        {"tail": [node("ReduceMean", FLAT, "vectors", axes=[1])]}, {},
        "returns [2, 1] for 2 pictures, not one vector a picture",
    ),
    "one vector for all": (
        {"tail": [node("ReduceMean", FLAT, "vectors", axes=[0])]}, {},
        "returns [1, 24] for 2 pictures, not one vector a picture",
    ),
    "tokens": (
        {"tail": [node("Reshape", ["flat", "to tokens"], "vectors")]}, {},
        "returns [2, 3, 8] for 2 pictures, not one vector a picture; in",
    ),
    "two outputs": (
        {"tail": [node("Identity", FLAT, "a"), node("Identity", FLAT, "b")], "outputs": ("a", "b")},
        {}, "has 2 outputs (a, b); set output_name in",
    ),
    "another output": ({}, {"output_name": "b"}, "sets output_name to b, but the model has vectors"),
    "another input": ({}, {"input_name": "b"}, "sets input_name to b, but the model has pixels"),
    "two inputs": (
        {"more_inputs": [helper.make_tensor_value_info("words", TensorProto.INT64, [1])]}, {},
        "has 2 inputs (pixels, words), but only pictures are given to it",
    ),
    "NaN": (
        {"tail": [node("Sub", ["minus one", "minus one"], "zero"), node("Log", ["minus one"], "nan"),
                  node("Add", ["flat", "nan"], "vectors")]}, {},
        "returns NaN, infinity or only zeros for a picture; check mean, std and range",
    ),
    "its own batch": ({"batch": 4}, {"batch": 2}, "sets batch to 2; remove batch there"),
    "whole numbers": ({"kind": TensorProto.UINT8}, {}, "set mean 0, std 1 and range 255 in"),
    "an operator of a library": (
        {"tail": [node("Own", FLAT, "vectors", domain="com.example")]}, {},
        "cannot be loaded as an ONNX model (",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_model_that_cannot_be_used_is_one_sentence(tmp_path, what):
    form, said, complaint = UNUSABLE[what]
    path = tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | said, **form)
    assert complaint in refusal(opened(path).loadable)


def test_a_model_that_only_takes_one_picture_works_when_the_json_says_so(tmp_path):
    path = tmp_path / "tiny.onnx"
    tiny_onnx.make(path, tail=[node("Reshape", ["flat", "one row"], "vectors")])
    assert 'set "batch": 1 in' in refusal(opened(path).loadable)
    pictures = noise(4)
    found = encoded(settings_of(path, batch=1), pictures)
    assert np.allclose(found, expected(pictures, tiny_onnx.weights()), atol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda data: b"", "is empty; download or export it again"),
        (lambda data: data[: len(data) // 2], "is damaged or not an ONNX model"),
        (lambda data: b"\x89PNG\r\n\x1a\n" + bytes(100), "is damaged or not an ONNX model"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (lambda data: b"\x08\x08", "is damaged or not an ONNX model (it holds no graph)"),
        (lambda data: data.replace(b"MatMul", b"MatMal"), "cannot be loaded as an ONNX model"),
    ],
)
def test_a_damaged_model_is_one_sentence(tmp_path, spoil, complaint):
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    path.write_bytes(spoil(path.read_bytes()))
    assert complaint in refusal(opened(path).loadable)


def test_every_cut_of_a_model_is_refused_in_one_sentence(tmp_path):
    whole = tiny_onnx.make(tmp_path / "tiny.onnx").read_bytes()
    for n in range(1, len(whole), 997):
        (tmp_path / "tiny.onnx").write_bytes(whole[:n])
        with pytest.raises(ValueError, match="damaged or not an ONNX model"):
            container.files_beside(tmp_path / "tiny.onnx")


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        (b"gone.data", "keeps its weights in gone.data, which is not beside it; copy both"),
        (b"../a.data", "looks for weights in '../a.data', which is not in its folder"),
        (b"/a/a.data", "looks for weights in '/a/a.data', which is not in its folder"),
        (b"a/../../b", "which is not in its folder"),
    ],
)
def test_weights_are_only_read_from_the_folder_of_the_model(tmp_path, place, complaint):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", external="here.data")
    path.write_bytes(path.read_bytes().replace(b"here.data", place))
    assert complaint in refusal(opened(path).loadable)
    assert complaint in refusal(lambda: opened(path).key)


def test_weights_in_an_inner_graph_are_found_too(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx", external="here.data")
    inner = path.read_bytes()

    def field(number, content):
        length = len(content)
        return bytes([number << 3 | 2, length & 0x7F | 0x80, length >> 7]) + content

    def graph_of(model):  # the last field of a model that has one opset and a graph
        start = model.index(b"\x3a")
        return model[start + 3 :][: model[start + 1] & 0x7F | model[start + 2] << 7]

    attribute = field(6, graph_of(inner))  # g of an attribute of a node
    path.write_bytes(field(7, field(1, field(5, attribute))))
    assert container.files_beside(path) == ["here.data"]


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    real = importlib.import_module

    def gone(name):
        if name == "onnxruntime":
            raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", gone)
    assert refusal(opened(path).loadable).startswith(
        'embedder onnx needs onnxruntime, which is not installed; run pip install "dedup_nb[onnx]"'
    )


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_one_sentence(tmp_path, monkeypatch, device):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    said = refusal(opened(path, device).loadable)
    assert f"device {device} is not available for embedder onnx; choose one of auto, cpu" in said


def as_if_on_a_gpu(monkeypatch, works=True):
    """Let onnxruntime offer CUDA; return what sessions were asked for."""
    import onnxruntime

    asked, real = [], onnxruntime.InferenceSession

    def session(path, options, providers):
        asked.append(providers)
        made = real(path, options, providers=["CPUExecutionProvider"])
        on = ["CUDAExecutionProvider"] if works and len(providers) > 1 else []
        made.get_providers = lambda: [*on, "CPUExecutionProvider"]
        return made

    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    return asked


@pytest.mark.parametrize(
    ("device", "number"), [("auto", "0"), ("cuda", "0"), ("cuda:1", "1"), ("cpu", None)]
)
def test_a_gpu_is_taken_where_it_works(tmp_path, monkeypatch, device, number):
    asked = as_if_on_a_gpu(monkeypatch)
    model = opened(tiny_onnx.make(tmp_path / "tiny.onnx"), device).load()
    if number is None:
        assert asked == [["CPUExecutionProvider"]] and not model.on_gpu
        return
    assert asked[0][0][1]["device_id"] == number
    stored = model.encode([one.tobytes() for one in noise(5)], UPRIGHT)
    assert encoders.in_half_precision(stored) == 5  # so that they are recognised
    wanted = expected(noise(5), tiny_onnx.weights())
    assert np.allclose(encoders.unpack(stored), wanted, atol=1e-3)


def test_a_gpu_that_does_not_work_is_refused_unless_the_choice_is_free(tmp_path, monkeypatch):
    as_if_on_a_gpu(monkeypatch, works=False)
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    assert "device cuda cannot be used by onnxruntime" in refusal(opened(path, "cuda").loadable)
    assert " on cpu, " in opened(path, "auto").load().says


def test_a_batch_that_does_not_fit_a_gpu_is_halved(tmp_path, monkeypatch):
    as_if_on_a_gpu(monkeypatch)
    model = opened(tiny_onnx.make(tmp_path / "tiny.onnx"), "cuda").load()
    real, tried = model._session, []

    class Small:
        def run(self, outputs, given):
            (pictures,) = given.values()
            tried.append(len(pictures))
            if len(pictures) > 2:
                raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory")
            return real.run(outputs, given)

    model._session = Small()
    stored = model.encode([one.tobytes() for one in noise(5)], UPRIGHT)
    assert tried == [5, 2, 3, 1, 2] and model.batch == 1
    wanted = expected(noise(5), tiny_onnx.weights())
    assert np.allclose(encoders.unpack(stored), wanted, atol=1e-3)


def test_quarter_turns_of_a_picture_that_is_not_square_are_refused(tmp_path):
    model = opened(
        tiny_onnx.make(tmp_path / "tiny.onnx", SETTINGS | {"input_size": [32, 32]})
    ).load()
    model.check_turns("rotate")
    model.input = model.input._replace(width=40)
    model.check_turns("mirror")
    assert "which is not square; set invariance" in refusal(lambda: model.check_turns("rotate"))


def refusal(act):
    with pytest.raises(ValueError) as refused:
        act()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_copy_is_near_and_another_picture_is_not(tmp_path):
    path = tiny_onnx.make(tmp_path / "tiny.onnx")
    pictures = np.stack([np.asarray(photo(seed, SIDE, SIDE)) for seed in (1, 2)])
    copy = np.clip(pictures[:1].astype(int) + 2, 0, 255).astype(np.uint8)
    one, other, again = encoded(path, np.concatenate([pictures, copy]))
    assert one @ again > 0.99 > one @ other
