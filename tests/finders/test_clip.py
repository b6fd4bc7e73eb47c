"""CLIP by open_clip: its own preprocessing, safe checkpoints, clear refusals, the same bytes always."""

import importlib
import io
import json
import os
import pickle
import time

import numpy as np
import pytest
import tiny_clip
from drawn import photo
from PIL import Image, ImageOps

from dedup_nb.finders import clip, encoders
from dedup_nb.pictures import images, orientations

UPRIGHT = orientations.ORIENTATIONS[0]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small model of open_clip, its configuration and its checkpoint."""
    return tiny_clip.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(tiny):
    configuration, checkpoint, _ = tiny
    return clip.Model(clip.Weights(str(configuration), str(checkpoint), "cpu"))


def content(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def raster(data, wanted):
    found = images.measure(data, "a", [wanted])
    assert found.status == "ok", found.error
    return found.rasters[wanted]


def vector(model, data):
    return encoders.unpack(model.encode([raster(data, model.input)], UPRIGHT))[0]


def detailed(width, height):
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (height // 12, width // 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


CONTENTS = {
    "small": content(photo(1, 40, 30)),
    "wide": content(detailed(900, 300)),
    "tall, grey": content(detailed(301, 777).convert("L")),
    "large PNG": content(detailed(1344, 896)),
    "large PNG of odd sides": content(detailed(1345, 899)),
    "large JPEG": content(detailed(1500, 1000), "JPEG", quality=90),
    "JPEG on its side": content(
        detailed(1500, 1000), "JPEG", exif=(lambda e: (e.__setitem__(0x0112, 6), e)[1])(Image.Exif())
    ),
    "very long": content(detailed(3001, 120)),
    "WebP": content(detailed(500, 400), "WEBP"),
}  # fmt: skip


@pytest.mark.parametrize("what", CONTENTS)
def test_vectors_equal_those_of_open_clips_own_transform(tiny, model, what):
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    _, _, net = tiny
    own = image_transform_v2(PreprocessCfg(**net.visual.preprocess_cfg), is_train=False)
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(CONTENTS[what]))).convert("RGB")
    with torch.inference_mode():
        theirs = net.encode_image(own(picture)[None], normalize=True)[0].numpy()
    assert vector(model, CONTENTS[what]) @ theirs > 1 - 1e-3


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pictures_are_fitted_as_open_clip_fits_them(mode, size, interpolation):
    clip.library()
    from open_clip.transform import image_transform

    wanted = images.ModelInput(*size, mode, interpolation, fill=7)
    own = image_transform(size, False, (0, 0, 0), (1, 1, 1), mode, interpolation, 7)
    if mode == "shortest" and size[0] != size[1]:
        interpolation = "bicubic"  # open_clip does not hand it on there
        wanted = wanted._replace(interpolation=interpolation)
    for picture in (detailed(333, 150), detailed(120, 360), detailed(24, 500)):
        theirs = own(picture).permute(1, 2, 0).numpy() * 255
        ours = np.frombuffer(raster(content(picture), wanted), np.uint8).reshape(*size, 3)
        assert np.abs(ours - theirs).mean() < 1.5


def test_a_picture_of_one_line_is_shown_without_being_blown_up():
    wanted = images.ModelInput(64, 64)
    shown = raster(content(Image.new("RGB", (60_000, 1), "red")), wanted)
    assert len(shown) == 64 * 64 * 3 and shown[0] > 250 and shown[1] == 0


@pytest.mark.parametrize("size", [(120, 90), (1344, 896)])
def test_transparency_lies_over_white_as_everywhere(model, size):
    layers = photo(3, *size).convert("RGBA")
    layers.putalpha(Image.linear_gradient("L").resize(layers.size))
    white = Image.new("RGBA", layers.size, "white")
    shown = Image.alpha_composite(white, layers).convert("RGB")
    assert vector(model, content(layers)) @ vector(model, content(shown)) > 1 - 1e-6


def test_neither_order_nor_company_nor_threads_change_a_byte(model):
    rasters = [raster(content(photo(seed)), model.input) for seed in range(19)]
    every = model.encode(rasters, UPRIGHT)
    assert model.encode(rasters[::-1], UPRIGHT)[::-1] == every
    assert [model.encode([one], UPRIGHT)[0] for one in rasters[:3]] == every[:3]
    alone = clip.Model.__new__(clip.Model)
    alone.__dict__ = {k: v for k, v in model.__dict__.items() if k != "_threads"} | {"threads": 1}
    assert alone.encode(rasters, UPRIGHT) == every


def test_each_orientation_is_embedded_as_the_turned_picture(model):
    base = np.asarray(photo(5, 128, 128))
    for transposed, columns, rows in orientations.ORIENTATIONS:
        turned = base.swapaxes(0, 1) if transposed else base
        turned = turned[:, ::-1] if columns else turned
        turned = turned[::-1] if rows else turned
        own = vector(model, content(Image.fromarray(np.ascontiguousarray(turned))))
        stored = model.encode([raster(content(photo(5, 128, 128)), model.input)],
                              (transposed, columns, rows))  # fmt: skip
        assert encoders.unpack(stored)[0] @ own > 1 - 1e-5


def test_half_precision_is_kept_as_such_and_told(tiny, model):
    half = clip.Model(clip.Weights(str(tiny[0]), str(tiny[1])), half=True)
    assert "half precision" in half.says and "float32" in model.says
    rasters = [raster(content(photo(seed)), model.input) for seed in range(3)]
    stored = half.encode(rasters, UPRIGHT)
    assert encoders.in_half_precision(stored) == 3 and len(stored[0]) == 1 + 2 * 64
    full = encoders.unpack(model.encode(rasters, UPRIGHT))
    assert ((encoders.unpack(stored) * full).sum(axis=1) > 1 - 1e-3).all()
    assert np.allclose(np.linalg.norm(encoders.unpack(stored), axis=1), 1, atol=1e-6)


def test_vectors_of_two_models_are_never_one_array():
    a, b = (encoders.FULL + np.ones(n, "<f4").tobytes() for n in (4, 8))
    with pytest.raises(ValueError, match="come from different models"):
        encoders.unpack([a, b])


# ---------------------------------------------------------------- weights


def test_the_key_tells_models_tags_and_contents_apart(tiny, tmp_path):
    configuration, checkpoint, _ = tiny
    one = clip.Weights(str(configuration), str(checkpoint))
    copy = tmp_path / "renamed.safetensors"
    copy.write_bytes(checkpoint.read_bytes())
    assert clip.Weights(str(configuration), str(copy)).key == one.key
    copy.write_bytes(checkpoint.read_bytes()[:-4] + b"\0\0\0\0")
    keys = {one.key, clip.Weights(str(configuration), str(copy)).key, clip.Weights().key}
    assert len(keys | {clip.Weights(pretrained="openai").key}) == 4


def test_a_torch_checkpoint_is_read_as_well(tiny, model, tmp_path):
    import torch

    configuration, _, net = tiny
    torch.save({"state_dict": net.state_dict()}, tmp_path / "tiny.pt")
    same = clip.Model(clip.Weights(str(configuration), str(tmp_path / "tiny.pt")))
    data = content(photo(1))
    assert (vector(same, data) == vector(model, data)).all()


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_checkpoint_never_runs_code(tiny, tmp_path):
    trap = tmp_path / "trap.pt"
    trap.write_bytes(pickle.dumps({"state_dict": Trap(tmp_path / "sprung")}))
    with pytest.raises(ValueError, match="cannot be loaded as weights for tiny"):
        clip.loadable(clip.Weights(str(tiny[0]), str(trap)))
    assert not (tmp_path / "sprung").exists()


def test_how_a_checkpoint_was_trained_is_read_beside_it(tiny, tmp_path):
    configuration, checkpoint, _ = tiny
    copy = tmp_path / "own.safetensors"
    copy.write_bytes(checkpoint.read_bytes())
    beside = tmp_path / "open_clip_config.json"
    beside.write_text(json.dumps({"preprocess_cfg": {"mean": [0.5] * 3, "resize_mode": "squash"}}))
    own = clip.Model(clip.Weights(str(configuration), str(copy)))
    assert own.input.resize_mode == "squash" and own.mean.ravel().tolist() == [0.5] * 3
    beside.write_text("{}")
    with pytest.raises(ValueError, match="has no valid preprocess_cfg"):
        clip.Model(clip.Weights(str(configuration), str(copy)))


def test_a_local_checkpoint_of_a_known_model_is_shown_what_its_weights_agree_on(tmp_path):
    settings = clip._settings(
        clip.library(), clip.Weights("ViT-B-16-SigLIP", "/somewhere/siglip.pt"), tmp_path / "x.pt"
    )
    assert settings["mean"] == (0.5, 0.5, 0.5) and settings["resize_mode"] == "squash"


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (("ViT-B-23", "openai"), "open_clip does not know the model ViT-B-23; did you mean"),
        (("ViT-B-32", "laion2b_s34b_b79"), "did you mean laion2b_s34b_b79k"),
        (("ViT-B-32", "/nowhere/a.pt"), "pretrained names the checkpoint /nowhere/a.pt, which does not exist"),
        (("ViT-B-32", "/tmp/"), "which is not a file"),
        (("/nowhere/own.json", "openai"), "open_clip does not know the model /nowhere/own.json"),
        (("ViT-B-32", "openai", "cuda:99"), "device cuda:99 is not available; choose one of "),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_one_sentence(wanted, complaint):
    with pytest.raises(ValueError) as refused:
        clip.check(clip.Weights(*wanted))
    assert complaint in str(refused.value) and "\n" not in str(refused.value)


def test_weights_out_of_reach_name_the_ways_out_at_once(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    begun = time.monotonic()
    with pytest.raises(ValueError) as refused:
        clip.check(clip.Weights())
    assert time.monotonic() - begun < 20  # and not most of a minute
    for part in (
        "laion2b_s34b_b79k for ViT-B-32 are not on this machine and cannot be downloaded",
        "set pretrained to a local checkpoint",
        "on a connected machine",
        "set embedder: dct, which needs no weights",
    ):
        assert part in str(refused.value)


def test_weights_fetched_before_need_no_network(monkeypatch, tmp_path):
    import huggingface_hub

    file = tmp_path / "open_clip_model.safetensors"
    asked = []

    def cached(repository, name):
        asked.append((repository, name))
        return str(file) if name == file.name else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert clip.check(clip.Weights()) == file
    assert asked[-1] == ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "open_clip_model.safetensors")


@pytest.mark.parametrize("error", [RuntimeError("something else"), ImportError("no module")])
def test_only_a_torchvision_without_its_operators_is_helped(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    monkeypatch.setattr(clip, "_define_operators", lambda: pytest.fail("defined"))
    with pytest.raises(type(error), match=str(error)):
        clip.library()
