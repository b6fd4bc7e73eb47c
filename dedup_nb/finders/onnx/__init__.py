"""An image encoder in an ONNX file, with a JSON beside it -> unit-length embeddings.

`onnxruntime` is imported only when a model is needed; it comes with the extra `onnx`.
"""

from dedup_nb.finders.onnx.weights import Weights

__all__ = ["Weights"]
