"""Czkawka's results: every shape is read, nothing is believed, and damage is named with its place."""

import json
import os
import time
import unicodedata

import pytest
from drawn import make_library, photo, save, write
from test_workbench import start

from dedup_nb.demo import peer
from dedup_nb.finders import czkawka
from dedup_nb.library import tables
from dedup_nb.steps.czkawka import claims

A, B, C = "/p/a.png", "/p/b.jpg", "/p/c d.png"


def similar(path, version=8, bits=0):
    """An entry of similar images as a version writes it."""
    entry = {"path": path, "size": 10, "modified_date": 1_700_000_000}
    entry |= {"dimensions": "8x6"} if version < 7 else {"width": 8, "height": 6}
    entry |= {"hashes": []} if version >= 12 else {"hash": [1, 2]}
    entry |= {"difference": bits} if version >= 11 else {"similarity": bits}
    return entry | ({"image_type": "Normal"} if version == 7 else {})


def duplicate(path):
    return {"path": path, "modified_date": 1_700_000_000, "size": 10, "hash": "ab"}


def read(tmp_path, content, name="results"):
    file = tmp_path / name
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    return czkawka.read(file)


def short(results):
    """Kind and groups; a reference file is marked."""
    groups = [[("ref " if e.reference else "") + e.path for e in group] for group in results.groups]
    return results.kind, groups


@pytest.mark.parametrize("version", [6, 7, 8, 11, 12])
def test_similar_images_of_every_version_are_read(tmp_path, version):
    plain = [[similar(A, version), similar(B, version, 3)]]
    results = read(tmp_path, plain)
    assert short(results) == (czkawka.SIMILAR, [[A, B]])
    assert results.groups[0][1] == czkawka.Entry(B, 10, 1_700_000_000, 3)
    reference = [[similar(A, version), [similar(B, version, 3), similar(C, version, 4)]]]
    assert short(read(tmp_path, reference)) == (czkawka.SIMILAR, [[f"ref {A}", B, C]])
    assert short(read(tmp_path, [])) == (czkawka.SIMILAR, [])


a, b, c = duplicate(A), duplicate(B), duplicate(C)


@pytest.mark.parametrize(
    ("content", "groups"),
    [
        ({"98": [[a, b]], "7": [[b, c], [a, c]]}, [[A, B], [B, C], [A, C]]),  # by hash
        ({"98": [[a, [b, c]]]}, [[f"ref {A}", B, C]]),  # by hash, with reference folders
        ({"98": [a, b]}, [[A, B]]),  # by size
        ({"98": [a, [b]]}, [[f"ref {A}", B]]),
        ({"b.jpg": [a, b]}, [[A, B]]),  # by name
        ({"b.jpg": [a, [b, c]]}, [[f"ref {A}", B, C]]),
        ([[a, b], [b, c]], [[A, B], [B, C]]),  # by size and name
        ([[a, [b]]], [[f"ref {A}", B]]),
        ({}, []),
    ],
)
def test_duplicates_by_every_method_are_read(tmp_path, content, groups):
    assert short(read(tmp_path, content)) == (czkawka.DUPLICATES, groups)


HEAD = 'Results of searching ["/p"] with excluded directories [] and excluded items []\n'


def text(*paths, head="2 images which have similar friends\n\n"):
    """Two groups as text: two files, and a reference file with one."""
    lines = [f"{path} - 1600x1200 - 95.71 KiB - High" for path in paths]
    return (
        f"{HEAD}{head}Found 2 images which have similar friends\n{lines[0]}\n{lines[1]}\n\n"
        f"Found 1 images which have similar friends\n\n{lines[2]}\n{lines[3]}\n\n"
    )


@pytest.mark.parametrize(
    ("written", "last"),
    [
        ([A, B, C, "/p/x - y.png"], "/p/x - y.png"),  # 6.1: no quotes
        ([f'"{A}"', f'"{B}"', f'"{C}"', r'"/p/\"q\" \\ \u{e9}.png"'], '/p/"q" \\ é.png'),  # 7.0
        ([f'"{A}"', f'"{B}"', f'"{C}"', '"/p/"q".png"'], '/p/"q".png'),  # 8.0
        ([f'"{A}"', f'"{B}"', f'"{C}"', r'"c:\new\test.png"'], r"c:\new\test.png"),  # 8.0, Windows
        ([f'"{A}"', f'"{B}"', f'"{C}"', r'"c:\\new\\t.png"'], r"c:\new\t.png"),  # 7.0, Windows
    ],
)
def test_text_of_similar_images_is_read_however_it_is_quoted(tmp_path, written, last):
    groups = [[A, B], [f"ref {C}", last]]
    assert short(read(tmp_path, text(*written))) == (czkawka.SIMILAR, groups)
    assert short(read(tmp_path, text(*written).replace("\n", "\r\n"))) == (
        czkawka.SIMILAR,
        groups,
    )


@pytest.mark.parametrize(
    ("content", "groups"),
    [
        (f"---- Size 98 B (98) - 2 files\n{A}\n{B}\n\n---- Size 7 B (7) - 2 files\n{B}\n{C}\n", [[A, B], [B, C]]),
        (f'---- Size 98 B (98) - 1 files\nReference file - "{A}"\n"{B}"\n', [[f"ref {A}", B]]),
        (f'Name - b.jpg - 2 files \n"{A}"\n"{B}"\n\n', [[A, B]]),
    ],
)  # fmt: skip
def test_text_of_duplicates_is_read(tmp_path, content, groups):
    rule = "-" * 49
    head = f"{HEAD}{rule}Files with same hashes{rule}\nFound 2 duplicated files which in 1 groups which takes 98 B.\n\n"
    assert short(read(tmp_path, head + content)) == (czkawka.DUPLICATES, groups)


@pytest.mark.parametrize("nothing", ["Not found any similar images.", "Not found any duplicates."])
def test_text_that_found_nothing_is_no_error(tmp_path, nothing):
    assert read(tmp_path, HEAD + nothing).groups == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "columns", [("path", "group"), ("Group ID", "File Path"), ("PATH", "Group")]
)
def test_csv_with_a_path_and_a_group_column_is_read(tmp_path, delimiter, columns):
    cells = {"path": [A, B, C, A], "group": ["1", "1", "x y", "x y"]}
    is_path = ["path" in column.lower() for column in columns]
    lines = [delimiter.join([*columns, "note"])]
    for path, group in zip(cells["path"], cells["group"], strict=True):
        lines.append(delimiter.join([*(f'"{path}"' if p else group for p in is_path), "n"]))
    assert short(read(tmp_path, "\r\n".join(lines))) == (czkawka.SIMILAR, [[A, B], [C, A]])


def test_csv_may_tell_reference_and_distance_and_begin_with_a_mark(tmp_path):
    content = f"path,group,reference,difference\n{A},1,true,0\n{B},1,,7\n"
    results = read(tmp_path, b"\xef\xbb\xbf" + content.encode())
    assert results.groups == [[czkawka.Entry(A, bits=0, reference=True), czkawka.Entry(B, bits=7)]]
    assert read(tmp_path, content.encode("utf-16")).groups == results.groups  # PowerShell's


whole = json.dumps([[similar(A), similar(B)]], indent=1)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (whole[:-40], r"results line \d+ column \d+: .*; the file is truncated; export it again"),
        (whole.replace('"size": 10', '"size" 10', 1), r"line 5 column \d+: .*; the file is damaged"),
        ("[" * 100_000, "nests too deeply|truncated"),
        ([a, b], "group 1 is an object where a list of files is expected"),  # empty files, say
        ([[{"name": "x"}, a]], "group 1 entry 1 has no path"),
        ([[a, "b"]], "group 1 entry 2 is text where a file is expected"),
        ({"98": [[a, dict(b, size="big")]]}, 'key "98" group 1 entry 2: size is "big", not an integer'),
        ({"98": 5}, 'key "98" is a number where a list of files is expected'),
        ("", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "byte 8: binary"),
        ("once upon a time\n", "line 1: 'once upon a time' is not Czkawka output"),
        ("path;size\n/p/a;3\n", "line 1: 'path;size' is not Czkawka .* columns path and group"),
        (f"path,group\n{A},1\n{B}\n", "line 3 has 1 of 2 columns; the file is damaged or truncated"),
        (f'path,group\n{A},1\n"{B},1\n', r"line \d: .*; the file is damaged"),
        (f"path,group\n{A},\n", "line 2 has no group"),
        (text(A, B, C, A)[:-60], "ends after|line 9|the group has|is not a similar image"),
        (text(A, B, C, A).replace(" - High\n\nFound", " - High\n/p/half - 16\n\nFound"), "line 7: '/p/half - 16' is not a similar image"),
        (text(A, B, C, A, head="5 images which have similar friends\n\n"), "ends after 2 of 5 groups"),
        (HEAD, "the file ends before its first group"),
    ],
)  # fmt: skip
def test_a_damaged_truncated_or_foreign_file_is_one_error_with_the_place(
    tmp_path, content, complaint
):
    with pytest.raises(ValueError, match=complaint) as raised:
        read(tmp_path, content)
    assert str(tmp_path / "results") in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("cut", range(1, len(whole) - 1, 7))
def test_json_cut_anywhere_is_refused(tmp_path, cut):
    with pytest.raises(ValueError, match=r"truncated|damaged"):
        read(tmp_path, whole[:cut])


@pytest.mark.parametrize(
    ("path", "path_map", "here"),
    [
        ("/old/pics/a.png", {"/old": "/new"}, "/new/pics/a.png"),
        ("/old/pics/a.png", {"/old": "/x", "/old/pics": "/y"}, "/y/a.png"),  # the longest that fits
        ("/older/a.png", {"/old": "/new"}, "/older/a.png"),  # whole folders only
        ("/Old/a.png", {"/old": "/new"}, "/Old/a.png"),  # case matters outside Windows
        (r"d:\pics\Day\A.png", {"D:\\Pics": "/new"}, "/new/Day/A.png"),
        (r"d:\pics\A.png", {"D:/Pics/": "/new/"}, "/new/A.png"),
        (r"\\?\D:\pics\A.png", {"d:/pics": "/new"}, "/new/A.png"),
        (r"\\server\share\a.png", {r"\\Server\Share": "/mnt"}, "/mnt/a.png"),
        ("/p/back\\slash.png", {"/p": "/q"}, "/q/back\\slash.png"),  # a name like any other
    ],
)  # fmt: skip
def test_prefixes_of_another_machine_become_those_of_this_one(path, path_map, here):
    assert czkawka.here(path, path_map) == here


# ---------------------------------------------------------------- in a run


@pytest.fixture
def library(tmp_path):
    return make_library(tmp_path / "lib")


def entry(library, path, /, **more):
    """A claim about a file as it is on disk."""
    status = (library / path).stat()
    found = {"path": str(library / path), "size": status.st_size, "width": 1, "height": 1}
    return found | {"modified_date": int(status.st_mtime), "hash": [], "similarity": 1} | more


def judged(tmp_path, library, content, **more):
    """Start a run and return it with the claims of one file."""
    file = tmp_path / "results.json"
    file.write_text(json.dumps(content))
    run = start(tmp_path, library, "50_czkawka", results=[str(file)], **more)
    values = run.values
    made = claims.Claims(
        run, values["results"], values["path_map"] or {}, values["reference_keeps"]
    )
    claimed = claims.Claimed(run, made)
    run.verify(claimed, [8])
    return run, made, claimed


def roles(made, bits=8):
    table = made.table(made.cut(bits))
    return {row.path: (row.role, row.keeper) for row in table.itertuples()}


PLAIN, SMALL, ALONE = "mojo1/plain.png", "mojo1/plain small.png", "mojo1/alone.png"


def test_what_we_confirm_is_proposed_and_what_we_do_not_comes_first(tmp_path, library):
    content = [[entry(library, path) for path in (SMALL, PLAIN, ALONE)]]
    run, _, made = judged(tmp_path, library, content)
    assert roles(made) == {
        PLAIN: ("keeper", PLAIN), SMALL: ("stage", PLAIN), ALONE: ("review", PLAIN),
    }  # fmt: skip
    found = made.disagreements(8)
    assert {(row.first, row.second) for row in found.itertuples()} == {
        (ALONE, SMALL), (ALONE, PLAIN),
    }  # fmt: skip
    assert found.hamming_bits.is_monotonic_decreasing and found.hamming_bits.min() > 8
    folder = run.save(made, 8, name="max_distance")
    assert [r["src"] for r in tables.read_csv(folder / "manifest.csv")] == [
        SMALL, "mojo1/plain small.txt",
    ]  # fmt: skip
    assert len(list(tables.read_csv(folder / "disagreements.csv"))) == 2


def test_groups_that_wait_for_a_person_are_shown_first(tmp_path, library):
    content = [
        [entry(library, PLAIN), entry(library, SMALL)],
        [entry(library, ALONE), entry(library, "selected/20250706_101010_stage3_enhanced.jpg")],
    ]
    run, _, made = judged(tmp_path, library, content)
    first = run.foremost(made, made.cut(8))
    assert [{m["role"] for m in group["members"]} for group in first] == [
        {"keeper", "review"}, {"keeper", "stage"},
    ]  # fmt: skip


def test_stages_of_one_series_are_set_apart_whoever_claims_them(tmp_path, library):
    stages = sorted(str(p.relative_to(library)) for p in (library / "mojo1").glob("2025*.png"))
    _, _, made = judged(tmp_path, library, [[entry(library, path) for path in stages]])
    assert roles(made) == {} and made.set_apart["inside one series"] == 3
    assert len(made.disagreements(0)) == 0


def test_duplicates_are_verified_by_their_bytes(tmp_path, library):
    copy = "selected/20250705_215212_stage3_enhanced.png"
    original = "mojo1/20250705_215212_stage3_enhanced.png"
    content = {
        "1": [[entry(library, original, hash="ab"), entry(library, copy, hash="ab")]],
        "2": [[entry(library, PLAIN, hash="cd"), entry(library, SMALL, hash="cd")]],
    }
    _, _, made = judged(tmp_path, library, content)
    found = roles(made)
    assert {found[copy][0], found[original][0]} == {"keeper", "stage"}
    assert found[SMALL] == ("review", PLAIN)  # near by hash, but not the same bytes
    assert made.disagreements(8)["why"].tolist() == ["the bytes differ"]


def test_reference_files_are_protected_unless_told_otherwise(tmp_path, library):
    content = [[entry(library, SMALL), [entry(library, PLAIN)]]]
    _, _, made = judged(tmp_path, library, content)
    assert roles(made) == {PLAIN: ("keeper", PLAIN), SMALL: ("protected", PLAIN)}  # has less detail
    content = [[entry(library, PLAIN), [entry(library, SMALL)]]]
    _, _, made = judged(tmp_path, library, content)
    assert roles(made) == {PLAIN: ("keeper", PLAIN), SMALL: ("stage", PLAIN)}
    content = [[entry(library, SMALL), [entry(library, PLAIN)]]]
    _, _, made = judged(tmp_path, library, content, reference_keeps=False)
    assert roles(made) == {PLAIN: ("keeper", PLAIN), SMALL: ("stage", PLAIN)}


def test_entries_that_take_no_part_are_listed_with_the_reason(tmp_path, library):
    save(photo(9), library / "elsewhere/x.png")
    content = [[
        entry(library, PLAIN),
        entry(library, SMALL, size=3),
        entry(library, ALONE, modified_date=5),
        entry(library, "mojo1/broken.png"),
        entry(library, "mojo1/orphan.yaml"),
        entry(library, "elsewhere/x.png"),
        entry(library, PLAIN, path=str(library / "mojo1/gone.png")),
        entry(library, PLAIN, path="/nowhere/x.png"),
        entry(library, PLAIN, path=f"{library}/mojo1/../../secret.png"),
    ]]  # fmt: skip
    _, made, _ = judged(tmp_path, library, content)
    reasons = [reason.split(":")[0].split(" /")[0] for reason in made.unusable["reason"]]
    assert reasons == [
        "changed", "changed since then", "not readable", "not an image of this run",
        "outside the roots mojo1, selected", "gone", "outside the library", "outside the library",
    ]  # fmt: skip
    assert made.groups == []
    assert made.unusable_by_reason["entries"].sum() == 8


@pytest.mark.parametrize("off_s", [-2, -1, 1, 2, 3600, -3601, 7200, 20_702, -50_400])
def test_times_that_file_systems_keep_differently_are_the_same(tmp_path, library, off_s):
    then = int((library / PLAIN).stat().st_mtime)
    content = [[entry(library, PLAIN, modified_date=then + off_s), entry(library, SMALL)]]
    _, made, _ = judged(tmp_path, library, content)
    assert len(made.unusable) == 0 and len(made.groups) == 1


@pytest.mark.parametrize("off_s", [3, -100, 400, 86_400 * 3, 10**30])
def test_another_time_is_a_changed_file(tmp_path, library, off_s):
    then = int((library / PLAIN).stat().st_mtime)
    content = [[entry(library, PLAIN, modified_date=then + off_s), entry(library, SMALL)]]
    _, made, _ = judged(tmp_path, library, content)
    assert made.unusable["reason"].tolist() == ["changed since then: its modification time differs"]


def test_names_in_another_unicode_form_are_found_where_one_file_has_that_name(tmp_path):
    library = tmp_path / "L\u00fc"  # composed on disk, decomposed in the results
    for k, name in enumerate(("\u00dcbung 1.png", "\u00dcbung 2.png", "E\u0301.png", "\u00c9.png")):
        save(photo(k), library / "mojo1" / name)
    write(library / "mojo1/no\u00eb.txt", b"words")
    (library / "selected").mkdir()
    names = ["\u00dcbung 1.png", "\u00dcbung 2.png", "\u00c9.png", "no\u00eb.txt", "\u00fc.png"]
    decomposed = [unicodedata.normalize("NFD", f"{library}/mojo1/{name}") for name in names]
    odd = [f"{library}/mojo1/e\u0301.png"]  # equals two names once case is ignored
    _, made, _ = judged(tmp_path, library, [[{"path": path} for path in [*decomposed, *odd]]])
    assert [[made.run.catalogue["path"][row] for row in rows] for _, rows in made.groups] == [
        ["mojo1/\u00dcbung 1.png", "mojo1/\u00dcbung 2.png", "mojo1/E\u0301.png"]
    ]
    assert [reason.partition(":")[0] for reason in made.unusable["reason"]] == [
        "not an image of this run", "gone", "gone",
    ]  # fmt: skip


def test_paths_that_no_file_can_have_are_unusable_and_the_others_are_taken(tmp_path, library):
    odd = [f"{library}/mojo1/\ud800.png", "/elsewhere/\ud800.png", f"{library}/mojo1/a\0.png",
           f"{library}/mojo1/{'n' * 9000}.png", f"{library}//mojo1/nothing.png", f"{library}/..x.png"]  # fmt: skip
    content = [[entry(library, PLAIN), entry(library, SMALL), *({"path": path} for path in odd)]]
    _, made, proposed = judged(tmp_path, library, content)
    assert len(made.groups) == 1
    assert [reason.partition(";")[0].partition(" /")[0] for reason in made.unusable["reason"]] == [
        "not a file name: it contains half a character", "outside the library", "gone", "gone", "gone", "gone",
    ]  # fmt: skip
    for name, table in proposed.further_tables(proposed.cut(8)).items():
        tables.write_csv(tmp_path / f"{name}.csv", list(table), table.to_dict("records"))
    assert "\\ud800.png" in (tmp_path / "unusable.csv").read_text()
    assert made.unusable_by_reason["entries"].sum() == 6


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[[{"path": "/a", "size": ' + "9" * 5000 + "}]]", "is damaged"),
        ('[[{"path": "/a", "size": NaN}]]', "size is NaN, not an integer"),
        ('[[{"path": "/a", "size": [' + "1," * 9999 + "1]}]]", "size is .*…, not an integer"),
        ("[" * 200_000, "nested too deeply"),
        ("Found 2 images which have similar friends\n" + "- 1x1 - 1" * 9999, "81,0.* or 89,991|characters, so this"),
        ("path,group\n/a," + "1" * 20 + "\n/b\n", "has 1 of 2 columns"),
    ],
)  # fmt: skip
def test_hostile_results_are_refused_at_once_in_one_short_sentence(tmp_path, content, complaint):
    started = time.monotonic()
    with pytest.raises(ValueError, match=complaint) as caught:
        read(tmp_path, content)
    assert time.monotonic() - started < 2 and len(str(caught.value)) < 500


def test_results_that_are_not_a_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nothing"):
        with pytest.raises(ValueError, match=str(path)):
            czkawka.read(path)


def test_paths_of_a_windows_machine_are_found_here(tmp_path, library):
    def there(path):
        return entry(
            library, path, path="d:\\pics\\" + path.replace("/", "\\").replace("mojo1", "MOJO1")
        )

    content = [[there(PLAIN), there(SMALL)]]
    _, made, judged_ = judged(tmp_path, library, content, path_map={"D:\\Pics": str(library)})
    assert len(made.unusable) == 0
    assert roles(judged_)[SMALL] == ("stage", PLAIN)


def test_our_groups_are_written_in_its_shape_and_read_again(tmp_path, library):
    content = [[entry(library, SMALL), entry(library, PLAIN)]]
    run, _, made = judged(tmp_path, library, content)
    folder = run.save(made, 8, name="max_distance")
    (group,) = czkawka.read(folder / "czkawka.json").groups
    assert [os.path.relpath(e.path, library) for e in group] == [PLAIN, SMALL]
    assert group[1].bits == int(made.pairs.hamming_bits[0])
    again = claims.Claims(run, [str(folder / "czkawka.json")])
    assert len(again.unusable) == 0 and len(again.groups) == 1


def test_without_results_the_notebook_says_so_and_finds_nothing(tmp_path, library):
    run = start(tmp_path, library, "50_czkawka")
    made = claims.Claims(run, [])
    assert made.describe().startswith("no results given")
    candidates = claims.Claimed(run, made)
    folder = run.save(candidates, 8, name="max_distance", charts=[claims.chart(candidates, 8)])
    assert list(tables.read_csv(folder / "groups.csv")) == []


def test_names_that_are_no_utf8_survive(tmp_path, library):
    odd = os.fsdecode(b"mojo1/caf\xe9.png")
    save(photo(2, 96, 64), os.fsencode(library / odd))
    _, made, candidates = judged(tmp_path, library, [[entry(library, PLAIN), entry(library, odd)]])
    assert len(made.unusable) == 0
    assert roles(candidates)[odd] == ("stage", PLAIN)
    assert made.unusable_by_reason.empty


def test_results_of_the_real_engine_are_read_and_agree(tmp_path, library):
    file = tmp_path / "engine.json"
    count = peer.write_results(file, [library / "mojo1", library / "selected"], 8)
    assert count > 0
    run = start(tmp_path, library, "50_czkawka")
    made = claims.Claims(run, [str(file)])
    assert len(made.groups) == count and len(made.unusable) == 0
    candidates = claims.Claimed(run, made)
    run.verify(candidates, [8])
    assert {SMALL} <= {path for path, (role, _) in roles(candidates).items() if role == "stage"}
    assert len(candidates.disagreements(8)) <= 1  # the flat pictures are for a person anyway
