"""A real open_clip model, small enough for tests, and a checkpoint of it."""

import json

CONFIGURATION = {
    "embed_dim": 64,
    "vision_cfg": {
        "image_size": 64,
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "patch_size": 16,
    },
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 1, "layers": 1},
}


def make(folder, name="tiny", seed=0):
    """Write configuration and checkpoint; return the paths of both, and the model."""
    import torch
    from safetensors.torch import save_file

    from dedup_nb.finders import clip

    folder.mkdir(parents=True, exist_ok=True)
    configuration, checkpoint = folder / f"{name}.json", folder / f"{name}.safetensors"
    configuration.write_text(json.dumps(CONFIGURATION))
    open_clip = clip.library()
    open_clip.add_model_config(configuration)
    torch.manual_seed(seed)
    model = open_clip.create_model(name).eval()
    with torch.no_grad():  # random weights look at little of a picture: make them look at more
        model.visual.conv1.weight.mul_(20)
        model.visual.class_embedding.mul_(0.05)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, checkpoint)
    return configuration, checkpoint, model
