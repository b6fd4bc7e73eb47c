"""Decoders: a hang or a crash costs one image."""

import os
import signal

import pytest
from drawn import photo, save, write
from workers import working

from dedup_nb.library import files
from dedup_nb.pictures import images
from dedup_nb.pictures.engines import decoders, processes

SIZES = ((32, 32),)


@pytest.fixture(autouse=True)
def _fresh_workers():
    processes.POOL.close()
    yield
    processes.POOL.close()


def results(paths, **options):
    return dict(decoders.measure_all([os.fsencode(p) for p in paths], SIZES, workers=2, **options))


def test_results_equal_those_of_one_process(tmp_path):
    paths = [save(photo(seed), tmp_path / f"{seed}.png") for seed in range(5)]
    paths.append(write(tmp_path / "bad.png", b"no picture"))
    expected = {k: images.measure(p.read_bytes(), p.name, SIZES) for k, p in enumerate(paths)}
    assert results(paths) == expected


def test_rasters_of_every_kind_come_back_whatever_their_order(tmp_path):
    path = save(photo(1, 300, 200), tmp_path / "a.jpg")
    sizes = (images.CONTENTS, images.TRIMMED_CHROMA, (9, 8), images.TRIMMED_LUMA)
    found = dict(decoders.measure_all([os.fsencode(path)], sizes))
    assert found == {0: images.measure(path.read_bytes(), "a.jpg", sizes)}


def test_known_content_is_not_decoded(tmp_path):
    path = save(photo(1), tmp_path / "a.png")
    assert results([path], known=lambda sha256: True) == {0: files.sha256(path.read_bytes())}


def test_a_file_is_digested_again_unless_it_is_the_same_still(tmp_path):
    path = save(photo(1), tmp_path / "a.png")
    status = path.stat()
    told = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, "7" * 64)
    (same,) = results([path], contents=[told], known=lambda sha256: True).values()
    assert (same.status, same.sha256) == ("ok", "7" * 64)
    path.write_bytes(path.read_bytes())  # another inode time
    (other,) = results([path], contents=[told]).values()
    assert (other.status, other.sha256) == ("ok", files.sha256(path.read_bytes()))


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("os.kill(os.getpid(), 9)", "the decoder crashed (signal 9)"),
        ("__import__('time').sleep(60)", "took longer than 1 s"),
        ("bytearray(2**45)", "more memory"),
    ],
)
def test_a_file_that_breaks_its_decoder_costs_only_itself(tmp_path, monkeypatch, action, reason):
    """A decoder made to break on one file; the others are measured by its successor."""
    breaker = "from dedup_nb.pictures import images\nimport os\nwhole = images._fill\n"
    breaker += "def fill(measured, data, sizes, limit):\n"
    breaker += f"    if len(data) < 400: {action}\n    whole(measured, data, sizes, limit)\n"
    breaker += "images._fill = fill\n"
    monkeypatch.setattr(
        processes, "PROGRAM", processes.PROGRAM.replace("from dedup", breaker + "from dedup", 1)
    )
    paths = [save(photo(seed), tmp_path / f"{seed}.png") for seed in range(6)]
    paths[2] = save(photo(2).resize((8, 8)), tmp_path / "small.png")
    found = results(paths, seconds=1)
    assert [found[k].status for k in range(6)] == ["ok", "ok", "unreadable", "ok", "ok", "ok"]
    assert reason in found[2].error


def test_a_dead_worker_is_replaced_between_two_files(tmp_path):
    paths = [save(photo(seed), tmp_path / f"{seed}.png") for seed in range(4)]
    stream = decoders.measure_all([os.fsencode(p) for p in paths], SIZES, workers=1)
    first = next(stream)
    (worker,) = working()
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert first[1].status == "ok"
    assert [m.status for _, m in stream] == ["ok", "ok", "ok"]
