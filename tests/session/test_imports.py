"""What is imported, by whom: guards of the time that a notebook with nothing to do takes."""

import subprocess
import sys

import pytest

HEAVY = {
    "the command": ("dedup_nb.cli", "numpy pandas scipy matplotlib numba cv2 torch"),
    "the runner": (
        "dedup_nb.session.execute; from dedup_nb.session import kernels; kernels.imported()",
        "scipy matplotlib numba cv2 imagehash torch faiss sklearn rfc3987_syntax ipywidgets IPython",
    ),
    "a notebook": (
        "dedup_nb.session.workbench, dedup_nb.finders.phash, dedup_nb.widgets.tuning",
        "scipy matplotlib numba imagehash torch faiss sklearn nbformat papermill onnxruntime",
    ),
    "a process that forks kernels": (
        "importlib; from dedup_nb.session import nursery; "
        "[importlib.import_module(name) for name in nursery.MODULES]; nursery._set_up_numba()",
        "torch faiss sklearn nbformat papermill onnxruntime",
    ),
    "a decoder": ("dedup_nb.pictures.engines.decoders", "pandas scipy numba matplotlib cv2 torch"),
}


@pytest.mark.parametrize("who", HEAVY)
def test_heavy_libraries_are_imported_only_where_they_are_used(who):
    modules, unwanted = HEAVY[who]
    code = f"import sys; import {modules}; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert sorted(set(unwanted.split()) & set(loaded)) == []
