"""Whatever stands in a file from outside: a parser returns, or raises what it documents, at once.

Hypothesis writes the files: bytes, changed copies of real ones, and structures of the right shape
with wrong values. What it found is a quick test beside the tests of each parser.
"""

import json
import os
import re
import time
import warnings
import zlib
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import encoded
import pytest
import test_frames
import test_openers
import tiny_onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dedup_nb.finders import czkawka
from dedup_nb.finders.onnx import container as onnx_container
from dedup_nb.finders.onnx import settings as onnx_settings
from dedup_nb.groups.bursts import Bursts
from dedup_nb.groups.decisions import Decisions
from dedup_nb.groups.labels import Labels, Pair
from dedup_nb.library import (
    bundles,
    catalogue,
    companion_words,
    formats,
    names,
    png_chunks,
    sidecars,
    tables,
    takeout,
    texts,
    yaml_files,
)
from dedup_nb.library.acceptance import warranty
from dedup_nb.library.acceptance.drawing import Going, in_order
from dedup_nb.library.acceptance.warranty import Answered, Warranty
from dedup_nb.pictures import contents, images
from dedup_nb.pictures.engines import wire
from dedup_nb.session import history, index_page, notebooks, parameters, runs
from dedup_nb.staging import journal, ledger, library, plans, records, runinfo, safefs
from dedup_nb.staging.refusals import StagingError

pytestmark = pytest.mark.slow

SECONDS = 5.0  # of one file of at most a few kilobytes, on a busy machine
RUNS = int(os.environ.get("DEDUP_NB_FUZZ", "300"))  # files for each parser
many = settings(
    max_examples=RUNS,
    deadline=None,
    derandomize="DEDUP_NB_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)

# ---------------------------------------------------------------- what stands in files

HALVES = st.text(st.characters(codec=None), max_size=30)  # half characters too
ODD_TEXTS = st.sampled_from(
    ["", "\0", "\ud800", "\udcff", "..", "../x", "/etc/passwd", "a/../b", ".", "~", "=1+1", "'=", "\x1b[31m",
     "a.cropped", "_review_dupes/x", "20250101T000000Z-000000", "20250705_215218_stage1.png", "9" * 40, "1e400",
     "nan", "\u202e", "\x85", "\u2028", "C:\\x", "\\\\?\\UNC\\a", "2025:07:20 15:13:14", "0000:00:00 00:00:00"]
)  # fmt: skip
TEXTS = st.one_of(HALVES, ODD_TEXTS)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([10**40, -(2**63), 2**63, 0, -1, True]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
TOKENS = st.sampled_from(
    [b"\0", b"\n", b"\r", b"\t", b'"', b"'", b",", b";", b"{", b"[", b"]", b"}", b":", b"&a ", b"*a", b"!!int ",
     b"<<: ", b"- ", b"? ", b"|", b">", b"%YAML 1.1", b"---", b"...", b"#", b"\\ud800", b"\xff\xfe", b"\xef\xbb\xbf",
     b"\x80", b"1e999", b"NaN", b"Infinity", b"9" * 60, b"[" * 60, b"null", b"true", b"0x", b"1:1:1", b"\xed\xa0\x80",
     b"=", b"\x1b[2J", b"IEND", b"zTXt", b"\xff\xff\xff\xff"]
)  # fmt: skip


@st.composite
def changed(draw, *whole):
    """Bytes of a real file, cut, doubled and sprinkled with what parsers stumble over."""
    data = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        to = draw(st.integers(at, min(len(data), at + 40)))
        what = draw(st.sampled_from(["put", "drop", "double", "noise"]))
        if what == "put":
            data[at:at] = draw(TOKENS)
        elif what == "drop":
            del data[at:to]
        elif what == "double":
            data[at:at] = data[at:to] * draw(st.integers(1, 20))
        else:
            data[at:to] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.one_of(st.none(), st.integers(0, len(data))))])


def files(*whole):
    return st.one_of(st.binary(max_size=400), changed(*whole))


@contextmanager
def soon():
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SECONDS


def attempt(read, *arguments, refuses=ValueError):
    """Call a parser; only the documented error may come, as one short sentence."""
    with soon():
        try:
            return read(*arguments)
        except refuses as error:
            assert type(error) not in (UnicodeDecodeError, UnicodeEncodeError), repr(error)
            assert len(str(error)) < 3_000
            return None


def put(folder, name, data):
    path = Path(folder) / name
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


# ---------------------------------------------------------------- YAML and parameters

YAML = (
    b"prompt: 'a hill'\nseed: 7\nloras:\n  x: {path: a.safetensors}\nsteps: [1, 2.5, 2025-07-05]\n",
    b"a: &x [1, {b: *x}]\n<<: *x\n? [k]\n: !!python/object:os.system |\n  text\n",
    b"%YAML 1.2\n---\nlibrary: \"a\\u0041\\0\"\nroots: [., 'x']\n10_phash:\n  max_distance: 8\n",
)


@many
@given(files(*YAML))
def test_yaml(data):
    attempt(yaml_files.read_plain, data)
    attempt(yaml_files.read_strict, data)
    attempt(yaml_files.read_flat, data.decode("latin-1"))
    attempt(sidecars.read_yaml, data)


@many
@given(st.dictionaries(TEXTS, VALUES, max_size=6))
def test_parameters_that_we_write_are_read_as_they_were(values):
    plain = {
        key: value
        for key, value in values.items()
        if isinstance(value, str | bool | int) and not isinstance(value, float)
    }
    plain = {k: v for k, v in plain.items() if re.fullmatch("[a-z_]+", k)}
    plain = {k: v for k, v in plain.items() if not isinstance(v, int) or abs(v) < 2**53}
    assert yaml_files.read_flat(yaml_files.written_flat(plain) or "{}") == plain


PARAMETERS = sorted(
    {key for name in notebooks.notebook_names() for key in parameters.of_notebook(name)}
)


@many
@given(
    st.dictionaries(
        st.sampled_from([*PARAMETERS, *notebooks.notebook_names(), "x"]), VALUES, max_size=5
    ),
    st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=3),
)
def test_profiles(folder, values, section):
    written = values | {"library": values.get("library", "x"), "10_phash": section}
    path = put(folder, "p.yaml", json.dumps(written).encode())
    profile = attempt(parameters.load, path)
    for name in notebooks.notebook_names() if profile else ():
        attempt(profile.flat, name)


@many
@given(files(*YAML))
def test_profiles_as_bytes(folder, data):
    attempt(parameters.load, put(folder, "p.yaml", data))


# ---------------------------------------------------------------- names

NAMES = st.one_of(
    TEXTS, st.from_regex(r"[0-9]{6,9}[_-][0-9]{3,7}_stage[0-9.]{0,3}(_[a-z]+)?\.(png|jpg)")
)


@many
@given(st.lists(NAMES, max_size=12))
def test_names(given_names):
    with soon():
        parsed = [names.parse(name) for name in given_names]
        for run in names.find_series(given_names, parsed):
            names.series_id(parsed[run[0]].stamp)
        folded = bundles.FolderBundles(given_names)
        for name in given_names:
            folded.members(name), folded.ambiguous(name), folded.owners(name)
            formats.suffix(name), formats.stem(name), names.exif_stamp(name), names.level(name)
            assert tables.plain(name).isprintable()
            tables.shown(name).encode()
            assert tables.unguard(tables.guard(name)) == name


# ---------------------------------------------------------------- tables

CELLS = st.lists(st.lists(HALVES, min_size=3, max_size=3), max_size=5)
MANIFEST = (
    ",".join(plans.MANIFEST_COLUMNS)
    + "\nb,a.png,_review_dupes/a.png,12,1600000000000000000,"
    + "0" * 64
    + ",g,k.png,"
    + "1" * 64
    + ",10_phash,\"near, 3 bits\",\n"
).encode()  # fmt: skip
CSV = b'path,group\n"a ""x"".png",1\n\'=b.png,2\n'


@many
@given(files(MANIFEST, MANIFEST.replace(b",", b";"), MANIFEST.decode().encode("utf-16"), CSV))
def test_tables_and_manifests(folder, data):
    path = put(folder, "t.csv", data)
    attempt(lambda: list(tables.read_csv(path)))
    attempt(lambda: list(tables.read_edited(path, ["path"])))
    attempt(catalogue.read, path)
    attempt(catalogue.read_others, path)
    attempt(plans.read_manifest, path, refuses=StagingError)


@many
@given(CELLS)
def test_cells_survive_our_own_tables(folder, rows):
    rows = [[re.sub("[\ud800-\udc7f]|[\udd00-\udfff]", "", cell) for cell in row] for row in rows]
    # two escaped bytes may form a character
    rows = [[os.fsdecode(os.fsencode(cell)) for cell in row] for row in rows]
    path = Path(folder) / "own.csv"
    path.unlink(missing_ok=True)
    tables.write_csv(path, list("abc"), [dict(zip("abc", row, strict=True)) for row in rows])
    assert [list(row.values()) for row in tables.read_csv(path)] == rows


@many
@given(
    st.fixed_dictionaries(
        {name: st.one_of(TEXTS, NUMBERS.map(str)) for name in plans.MANIFEST_COLUMNS}
    )
)
def test_rows_of_a_manifest(cells):
    with soon():
        plan = plans.plan_of([{name: str(value) for name, value in cells.items()}])
    for bundle in plan.bundles.values():
        for row in bundle.rows:
            for path in (row.src, row.dst("20250101T000000Z-000000")):
                assert not path.startswith("/") and ".." not in path.split("/")


# ---------------------------------------------------------------- the journal

BATCH = "20250101T000000Z-000000"
STAGED = {
    "src": "a/b.png", "dst": f"_review_dupes/{BATCH}/a/b.png", "size": 3, "mtime_ns": 1, "mode": 33188,
    "ino": 1, "dev": 1, "nlink": 1, "sha256": "0" * 64,
}  # fmt: skip
RECORDS = [
    {"event": "header", "version": 1, "batch": BATCH, "time": "2025-01-01T00:00:00Z"},
    {"event": "intent", "intent": 1, "bundle": "a", "group": "g", "rule": "r", "reason": "x", "covers": [],
     "keepers": [{"path": "k.png", "sha256": "1" * 64, "size": 1, "mtime_ns": 1, "ino": 1, "dev": 1}],
     "files": [STAGED], "time": "2025-01-01T00:00:00Z"},
    {"event": "created", "folders": [f"_review_dupes/{BATCH}"], "flags": ["a/b.cropped"]},
    {"event": "done", "intent": 1},
    {"event": "restore_intent", "intent": 1, "files": [STAGED["dst"]]},
    {"event": "restored", "intent": 1, "files": [STAGED["dst"]]},
    {"event": "purged", "intent": 1, "files": []},
    {"event": "uncreated", "flags": ["a/b.cropped"]},
    {"event": "end"},
]  # fmt: skip


@st.composite
def spoilt(draw, value):
    """A copy of a structure with one value in it replaced."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        return value | {key: draw(spoilt(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(spoilt(value[at])), *value[at + 1 :]]
    return draw(VALUES)


def line(record):
    text = json.dumps(record).encode()
    return text + b"\t%08x\n" % zlib.crc32(text)


@st.composite
def journals(draw):
    chosen = [RECORDS[0], *draw(st.lists(st.sampled_from(RECORDS), max_size=6))]
    at = draw(st.integers(0, len(chosen) - 1))
    chosen[at] = draw(spoilt(chosen[at]))
    return b"".join(map(line, chosen))


@many
@given(st.one_of(journals(), files(b"".join(map(line, RECORDS)))))
def test_journals(folder, data):
    put(folder, f"{BATCH}.jsonl", data)
    fd = os.open(folder, safefs.TREE)
    try:
        with soon():
            batch = ledger.read_batch(fd, f"{BATCH}.jsonl")
            ledger.Ledger([batch])
    finally:
        os.close(fd)
    assert isinstance(journal.parse(data).damage, str)
    for path in batch.flags:
        assert path.endswith(".cropped")
    for path in [*batch.flags, *batch.folders]:
        assert not {"", ".", ".."} & {*path.split("/")}
    for path in batch.folders:
        assert path.split("/")[0] in ledger.records.STAGING
    for intent in batch.intents.values():
        for file in intent.files:
            assert file.place[1] == BATCH and not {"", ".", ".."} & {*file.home}


@many
@given(st.sampled_from(sorted(records.CHECKS)), st.dictionaries(st.sampled_from(
    ["intent", "files", "keepers", "covers", "folders", "flags", "batch", "bundle", "group", "rule", "reason", "time"]
), VALUES))  # fmt: skip
def test_records(event, values):
    attempt(records.check, values | {"event": event}, BATCH)


@many
@given(files(b'{"host": "x", "pid": 1, "boot": "b", "started": "2025"}'))
def test_lock_files(folder, data):
    put(folder, "lock", data)
    fd = os.open(folder, safefs.TREE)
    try:
        with soon():
            holder = library.read_lock_file(safefs.Spot(fd, "lock"))
            assert isinstance(library.describe_holder(holder), str)
    finally:
        os.close(fd)


# ---------------------------------------------------------------- runs and decisions

RUN = {
    "version": 1, "tool": "0", "started": "2026-01-02T03:04:05+00:00", "profile": None, "library": "/x",
    "roots": ["."], "notebooks": {"10_phash": {"status": "done", "seconds": 1.5, "error": None}},
}  # fmt: skip
SUMMARY = {
    "groups": 1,
    "images": 2,
    "bytes": 3,
    "review": 0,
    "says": "x",
    "rows": {"groups.csv": 3},
    "staging": "x",
}


@many
@given(
    st.one_of(spoilt(RUN).map(lambda v: json.dumps(v).encode()), files(json.dumps(RUN).encode()))
)
def test_runs(folder, data):
    run = Path(folder) / "outputs/mine/run"
    run.mkdir(parents=True, exist_ok=True)
    put(run, "run.json", data)
    content = attempt(runs.read, run)
    told = []
    with soon():
        earlier = history.past(run.parent.parent, tell=told.append)
        assert runs.newest(run.parent.parent) == (run if content else None)
        assert len(told) == (content is None)
        for each in earlier:
            each.describe(), each.at_work
        if content:
            runs.told(run), runs.unfinished(content)
            index_page.write_index(run)
    put(folder, "m.csv", b"")
    attempt(runinfo._read, run / "run.json", refuses=StagingError)


@many
@given(
    st.one_of(
        spoilt(SUMMARY).map(lambda v: json.dumps(v).encode()), files(json.dumps(SUMMARY).encode())
    )
)
def test_summaries(folder, data):
    run = Path(folder) / "outputs2/mine/run"
    (run / "10_phash").mkdir(parents=True, exist_ok=True)
    put(run, "run.json", json.dumps(RUN).encode())
    put(run / "10_phash", "summary.json", data)
    attempt(runs.summary, run / "10_phash")
    with soon():
        index_page.write_index(run)


MARKED = {
    "version": 1,
    "what": "mark",
    "path": "a",
    "sha256": "0",
    "mark": "keep",
    "when": "x",
    "copies": ["b"],
}
ANSWERED = {
    "version": 1,
    "what": "reviewed",
    "answer": True,
    "digests": ["0"],
    "paths": ["a"],
    "undo": False,
}
LINES = b"".join(
    json.dumps(r).encode() + b"\n" for r in (MARKED, ANSWERED, MARKED | {"undo": True})
)


@many
@given(
    st.one_of(
        st.lists(st.one_of(spoilt(MARKED), spoilt(ANSWERED)), max_size=4).map(
            lambda rs: b"".join(json.dumps(r).encode() + b"\n" for r in rs)
        ),
        files(LINES),
    )
)
def test_decisions(folder, data):
    path = put(folder, "decisions.jsonl", data)
    with warnings.catch_warnings(), soon():
        warnings.simplefilter("ignore")
        decisions = Decisions(path)
        decisions.marks_for(["a", "b"], ["0", "1"])
        listed = decisions.listed()
        decisions.mentioned(), decisions.answers(), len(decisions)
        for record in listed[:1]:
            decisions.revoke(record)
        decisions.mark("a", "0", "stage")
        decisions.undo()
        assert path.read_bytes().startswith(data)


# ---------------------------------------------------------------- labels and warranties

DIGESTS = ["a" * 64, "b" * 64, "c" * 64]
LABEL = {"version": 1, "when": "2025-07-06T09:00:07.123Z", "what": "label", "design": f"plan {DIGESTS[0]}", "finder": "10_phash", "a": DIGESTS[1], "b": DIGESTS[2], "paths": ["a.png", "b.png"], "answer": "y"}  # fmt: skip
LABELS = [LABEL, LABEL | {"answer": "?", "a": DIGESTS[0]}, LABEL | {"answer": None, "undo": True}]
LABEL_LINES = b"".join(json.dumps(label).encode() + b"\n" for label in LABELS)


@many
@given(
    st.one_of(
        spoilt(LABELS).map(
            lambda v: b"".join(json.dumps(each).encode() + b"\n" for each in (v if isinstance(v, list) else [v]))
        ),
        files(LABEL_LINES),
    )
)  # fmt: skip
def test_labels(folder, data):
    path = put(folder, "labels.jsonl", data)
    with warnings.catch_warnings(), soon():
        warnings.simplefilter("ignore")
        labels = Labels(path)
        labels.of(LABEL["design"])
        for record in labels.listed()[:1]:
            labels.revoke(record)
        labels.answer("mine", Pair(DIGESTS[0], DIGESTS[1]), "n")
        assert labels.of("mine")[Pair(DIGESTS[0], DIGESTS[1])].answer == "n"
        labels.undo("mine")
        labels.undo(LABEL["design"])
        assert labels.of("mine") == {} and path.read_bytes().startswith(data)


GOING = [Going(f"{name}.png", DIGESTS[0], "k.png", DIGESTS[1]) for name in "abcde"]
ORDER = in_order(DIGESTS[2], GOING)
WARRANTY = Warranty(
    DIGESTS[2], 9, 5, tuple(Answered(going, answer, "") for going, answer in zip(ORDER, "yn?", strict=False))
).as_json()  # fmt: skip


@many
@given(
    st.one_of(
        spoilt(WARRANTY).map(lambda v: json.dumps(v).encode()),
        files(json.dumps(WARRANTY, indent=1).encode()),
    )
)
def test_warranties(folder, data):
    found = attempt(warranty.read, put(folder, "warranty.json", data))
    if found is not None:
        with soon():
            assert 0 <= found.wrong <= found.bound <= found.asked <= found.images
            assert warranty.of_json(json.loads(json.dumps(found.as_json()))) == found
            attempt(warranty.fits, found, DIGESTS[2], ORDER, 9)


# ---------------------------------------------------------------- Czkawka

ENTRY = {
    "path": "/a/b.png",
    "size": 1,
    "width": 2,
    "height": 3,
    "modified_date": 5,
    "hash": [1],
    "similarity": 0,
}
CZKAWKA = [[ENTRY, ENTRY | {"path": "/a/c.png"}], [ENTRY, [ENTRY]]]
SAID = (
    b"Results of searching\n\n2 images which have similar friends\n\n"
    b"Found 2 images which have similar friends\n/a/b.png - 8x6 - 1.2 KiB - Original\n\"/a/\\u{e9}.png\" - 8x6 - 1 B - Small\n",
    b"---- Size 1 KiB (1024) - 2 files\nReference file - \"/r\"\n/a\n/b\n",
    b"path;group;difference;reference\n/a;1;3;yes\n/b;1;x;\n",
)  # fmt: skip


@many
@given(
    st.one_of(
        spoilt(CZKAWKA).map(lambda v: json.dumps(v).encode()),
        spoilt({"10": CZKAWKA}).map(lambda v: json.dumps(v).encode()),
        files(json.dumps(CZKAWKA).encode(), *SAID),
    ),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
)
def test_czkawka(folder, data, path_map):
    results = attempt(czkawka.read, put(folder, "cz", data))
    with soon():
        for group in results.groups if results else ():
            for entry in group:
                assert isinstance(czkawka.here(entry.path, path_map), str)


# ---------------------------------------------------------------- texts of pictures


def chunk(kind, body):
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


PNG = png_chunks.HEAD + b"".join([
    chunk(b"IHDR", bytes([0, 0, 0, 4, 0, 0, 0, 4, 8, 2, 0, 0, 0])),
    chunk(b"tEXt", b"parameters\0a hill\nSteps: 20"), chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"{}")),
    chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b'{"1": {"inputs": {"filename_prefix": 1}}}')),
    chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0"),
    chunk(b"IDAT", b"x"), chunk(b"IEND", b""),
])  # fmt: skip
TAKEOUT = b'{"photoTakenTime": {"timestamp": "1600000000"}, "geoData": {"latitude": 1.5}, "favorited": true}'
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' \
      b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"/></rdf:RDF></x:xmpmeta>'  # fmt: skip


@many
@given(files(PNG), files(*YAML))
def test_texts_of_pngs(data, companion):
    with soon():
        for text in png_chunks.texts(data, 1_000):
            assert len(text.data) <= 1_000 and isinstance(text.text, str)
        texts.in_png(data)
        told = sidecars.told(data, companion)
        sidecars.compare(told, sidecars.told(PNG, None))
    attempt(sidecars.png_texts, data)


@many
@given(
    st.sampled_from([".yaml", ".json", ".xmp", ".txt", ".aae", ".caption"]),
    files(*YAML, TAKEOUT, XMP),
)
def test_companions(ending, data):
    with soon():
        assert companion_words.words_of_companion(f"a{ending}", data) <= {
            *companion_words.words.KINDS
        }


SMALL = test_openers.PICTURE.resize((24, 16))
PICTURES = {
    "PNG": PNG,
    "JPEG": b"\xff\xd8\xff\xe1\x00\x12Exif\0\0II*\0\x08\0\0\0\0\0\xff\xda\0\2x\xff\xd9",
    "WEBP": b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\0\0\0\0\0\0EXIF\4\0\0\0II*\0",
    "GIF": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xfe\5hello\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    "TIFF": b"II*\0\x08\0\0\0\x02\0\x00\x01\x03\0\x01\0\0\0\x01\0\0\0\x01\x01\x03\0\x01\0\0\0\x01\0\0\0\x08\0\0\0",
    "BMP": b"BM" + bytes(52),
    "HEIF": test_openers.heif(
        [(1, b"grid", False), (2, b"hvc1", True), (3, b"hvc1", False)], [(b"dimg", 1, [2]), (b"auxl", 3, [1])],
        [test_openers.hvcc(10), test_openers.auxiliary(b"urn:mpeg:hevc:2015:auxid:2")], [(2, [1]), (3, [2])],
    ),
    "JXL": b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x10jxlp\0\0\0\0\xff\x0a\x1f\x07\0\0\0\x14Exif\0\0\0\0II*\0\x08\0\0\0"
           b"\0\0\0\x0cbrobExif",
    "JPEG2000": test_openers.jpeg2000_head(),
    "PSD": encoded.psd(test_openers.PICTURE, layers=2)[:300],
    "DDS": b"DDS \x7c\0\0\0" + bytes(140),
    "QOI": b"qoif\0\0\0\4\0\0\0\4\4\0",
    "PPM": b"P6\n# a hill\n3 4\n255\n" + bytes(36),
    "ICO": test_openers.icon_head(),
    "TGA": bytes([0, 0, 2]) + bytes(9) + b"\4\0\4\0\x18\0",
    "RAW": encoded.raw(test_openers.PICTURE)[:400],
}  # fmt: skip


@many
@given(
    st.sampled_from(sorted(PICTURES)).flatmap(
        lambda name: st.tuples(st.just(name), files(PICTURES[name]))
    )
)
def test_contents_of_pictures(picture):
    name, data = picture
    with soon():
        contents.contents_of(data, name)
        formats.image_format("a.tga", data[: formats.HEAD_BYTES])


@many
@given(
    st.sampled_from(["HEIF", "JXL", "JPEG2000", "PSD", "DDS", "QOI", "PPM", "ICO", "TGA"]).flatmap(
        lambda name: st.tuples(st.just(name), changed(test_openers.WRITTEN[name](SMALL)))
    )
)
def test_decoding_of_pictures(picture):
    name, data = picture
    with soon():
        one = images.measure(data, "a.tga" if name == "TGA" else "a.bin", [(32, 32)], 10**6)
    assert one.status in ("ok", "too_large") or (one.error and "\n" not in one.error)


def test_a_format_that_is_decoded_has_a_file_to_start_from():
    assert set(PICTURES) | {"AVIF"} == set(formats.FORMATS)


@many
@given(
    NAMES,
    st.one_of(spoilt(json.loads(TAKEOUT)).map(lambda v: json.dumps(v).encode()), files(TAKEOUT)),
)
def test_takeout(name, data):
    with soon():
        for form in (name, f"{name}.supplemental-metadata(1).json", f"{name}(1).json"):
            takeout.claims(form), takeout.original(form), takeout.cut_names(form)
        if told := takeout.read(data):
            told.agrees(datetime(2025, 1, 1), (1.5, 2.0))


MESSAGE = wire.packed(
    {"status": "ok", "width": 4, "hash": [1, 2.5, None]}, [b"abc", b"", b"x" * 50]
)


@many
@given(files(MESSAGE, MESSAGE * 2), st.integers(1, 60))
def test_messages_of_decoders(data, step):
    inbox = wire.Inbox(1_000)
    with soon():
        try:
            for start in range(0, len(data), step):
                for message in inbox.feed(data[start : start + step]):
                    assert type(message.facts) is dict
                    assert sum(map(len, message.blocks)) <= 1_000
        except wire.Malformed:
            pass


# ---------------------------------------------------------------- models and photographs

ONNX_SETTINGS = {
    "input_size": [32, 32],
    "mean": [0.5, 0.5, 0.5],
    "std": 1,
    "layout": "NCHW",
    "min_cosine": 0.5,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    made = tmp_path_factory.mktemp("models")
    tiny_onnx.make(made / "whole.onnx", None, plain=True)
    tiny_onnx.make(made / "outside.onnx", None, external="weights.data")
    return [(made / name).read_bytes()[-2_000:] for name in ("whole.onnx", "outside.onnx")]


@many
@given(st.data())
def test_onnx_models(folder, models, data):
    path = put(folder, "fuzzed.onnx", data.draw(files(*models)))
    attempt(onnx_container.files_beside, path)


@many
@given(st.one_of(spoilt(ONNX_SETTINGS), st.dictionaries(TEXTS, VALUES, max_size=4)))
def test_settings_of_onnx_models(folder, values):
    if isinstance(values, dict):
        attempt(onnx_settings.of, values, Path(folder) / "fuzzed.json", "fuzzed")


@many
@given(st.sampled_from(sorted(test_frames.NOTES)), st.data())
def test_notes_of_cameras(make, data):
    whole = test_frames.with_note(make, test_frames.NOTES[make])
    with soon():
        picture = b"\xff\xd8" + jpeg_segment(0xE1, data.draw(changed(whole)))
        found = contents.contents_of(picture + b"\xff\xda\0\2x\xff\xd9", "JPEG")
        assert all("=" in fact and fact.isprintable() for fact in found.frame)


def jpeg_segment(marker, body):
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


FACTS = st.sampled_from(["camera", "time", "offset", "serial", "number", "burst", "unique", "x"])


@many
@given(
    st.lists(
        st.tuples(st.lists(st.tuples(FACTS, TEXTS), max_size=5), TEXTS), min_size=2, max_size=4
    )
)
def test_facts_of_bursts(photographs):
    facts = [[f"{name}={text}" for name, text in one] for one, _ in photographs]
    names = [name for _, name in photographs]
    n = len(facts)
    made = Bursts(facts, names, [(4, 4)] * n, list(map(str, range(n))))
    with soon():
        for a in range(n):
            for b in range(n):
                assert bool(made.why(a, b)) == bool(made.why(b, a))


# ---------------------------------------------------------------- folders of runs

FOLDERS = st.text(
    st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=60
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 250)


@many
@given(FOLDERS, FOLDERS)
def test_names_of_run_folders(folder, profile, name):
    outputs = Path(folder) / "named"
    run = outputs / profile / name
    run.mkdir(parents=True, exist_ok=True)
    put(run, "run.json", json.dumps(RUN).encode())
    try:
        with soon():
            assert [past.folder for past in history.past(outputs, profile)] == [run]
            assert tables.plain(runs.told(run)).isprintable()
    finally:
        (run / "run.json").unlink()
        run.rmdir()
