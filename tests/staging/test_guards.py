"""Each guard of staging is needed: taken out of a scratch copy, a test fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
STAGING = "test_staging.py"

# guard -> file, what stands there, what a careless edit would leave, the tests that must notice
GUARDS = {
    "a keeper is not condemned by the same plan": (
        "examine.py", "if path in self.plan.condemned:", "if False:", STAGING, "same_plan_condemns"),
    "a keeper is not staged": (
        "examine.py", "if path in self.ledger.away:", "if False:", STAGING, "staged_file_is_no_keeper"),
    "a keeper has the planned digest": (
        "examine.py", "if seen.sha256 != sha256:", "if False:", STAGING, "without_its_keeper"),
    "a keeper is looked at again before the move": (
        "batches.py", "self.examiner.recheck(moving.ready)", "pass", STAGING, "keeper_swapped"),
    "a companion that comes meanwhile sends its bundle home": (
        "batches.py", "self._send_back_what_grew(moving)", "pass", "test_staging_claims.py", "comes_meanwhile"),
    "a keeper in use is not staged": (
        "examine.py", "if self._is_same_file(folders, path, seen):", "if False:", STAGING, "edited_since_is_still"),
    "a renamed keeper in use is not staged": (
        "examine.py", "if not self._stands_elsewhere(folders, path, seen):", "if False:", STAGING, "renamed_keeper"),
    "a keeper of approved files needs leave": (
        "examine.py", "if self.allow_keepers:", "if True:", "test_approval.py", "goes_only_with_leave"),
    "only clusters do without a keeper": (
        "plans.py", "elif staging != CLUSTERS and covers is None:", "elif False:", STAGING, "only_clusters"),
    "a bundle is complete": (
        "examine.py", "if missing:\n", "if False:\n", STAGING, "missing_row"),
    "two images of one stem, one a keeper": (
        "examine.py", "if len(self.names.members(folders, path) & paths) > 1:", "if False:", STAGING, "one_is_a_keeper"),
    "names that differ in case block": (
        "foldernames.py", "if twin in bundles.present:", "if False:", STAGING, "differ_only"),
    "strangers are no members": (
        "examine.py", "for path in sorted(own - needed):", "for path in ():", STAGING, "belongs_to_no_image"),
    "the macOS double is no image": (
        "bundles.py", "return name.startswith(APPLE_DOUBLE) and name.removeprefix(APPLE_DOUBLE) in names",
        "return False", STAGING, "macos_double"),
    "files equal the plan": (
        "examine.py", "if (seen.size, seen.mtime_ns, seen.sha256) != (row.size, row.mtime_ns, row.sha256):",
        "if False:", STAGING, "makes_its_bundle_stale"),
    "images do not pass as shared sidecars": (
        "examine.py", "if any(row is image for image, _ in images):", "if False:", STAGING, "image_cannot_pass"),
    "a shared sidecar stays with what stays": (
        "examine.py", "if path in self.ledger.away or _look(folders, path) is not None:", "if False:", STAGING,
        "stays_while_one"),
    "a companion of what stays is not shared": (
        "examine.py", "if owner not in together:", "if False:", STAGING, "companion_of_an_image_that_stays"),
    "a shared sidecar returns first": (
        "restoring.py", "return wanted[::-1]", "return wanted", STAGING, "returns_first"),
    "a file is the one that was read": (
        "safefs.py", "if now.ctime_ns != expected.ctime_ns and _digest(fd, stop)[1] != expected.sha256:",
        "if False:", STAGING, "rewritten_in_place"),
    "what arrived is what was read": (
        "safefs.py", "    if not _is(target, expected.inode):\n        rename_exclusive(target, source)",
        "    if False:\n        rename_exclusive(target, source)", STAGING, "source_swapped"),
    "nothing is replaced": (
        "safefs.py", "_RENAME_NOREPLACE = 1", "_RENAME_NOREPLACE = 0", STAGING, "never_overwritten"),
    "destinations are walked to again": (
        "batches.py", "self._look_by_path(moving, placed)", "pass", STAGING, "swapped_for_a_link"),
    "links are not walked through": (
        "safefs.py", "TREE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW", "TREE = os.O_RDONLY | os.O_DIRECTORY",
        STAGING, "is_no_folder_refuses"),
    "copies need leave": (
        "batches.py", "terms if self.allow_copy else None", "terms", STAGING, "needs_leave_to_copy"),
    "a copy is read back": (
        "safefs.py", "if sha256 != expected.sha256 or ", "if ", STAGING, "reads_back_differently"),
    "the source of a copy did not change": (
        "safefs.py", " or seen(os.fstat(from_fd)).identity != expected.identity:", ":", STAGING,
        "changes_while_it_is_copied"),
    "a killed copy makes way for the next": (
        "safefs.py", "    except FileExistsError:\n        unlink(work)", "    except FileExistsError:\n        raise",
        "test_staging_kills.py", "sample"),
    "one batch at a time": (
        "library.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB", STAGING, "second_batch"),
    "roots are not nested": (
        "library.py", "if second[: len(first)] == first:", "if False:", STAGING, "nested"),
    "sources and keepers are inside the roots": (
        "examine.py", "if not inside(split_path(path), self.roots):", "if False:", STAGING, "inside_the_roots"),
    "paths do not climb": (
        "safefs.py", 'if part in ("", ".", "..") or', 'if part in ("", ".") or', "test_plans.py", "wrong_refuses"),
    "staging is no source": (
        "plans.py", "if any(folded(part) in OURS for part in parts):", "if False:", "test_plans.py", "wrong_refuses"),
    "dst is staging and src": (
        "plans.py", "if staging not in STAGING:", "if False:", "test_plans.py", "wrong_refuses"),
    "no file is planned twice": (
        "plans.py", "if row.src in plan.duplicates:", "if False:", "test_plans.py", "planned_twice"),
    "an interrupt is looked at": (
        "batches.py", "if self.stop():", "if False:", STAGING, "middle_of_a_group"),
    "three errors stop the batch": (
        "batches.py", "if self._stop_because:", "if False:", "test_staging_faults.py", "in_a_row"),
    "the record is synced before the move": (
        "journal.py", "            safefs.sync_file(self.fd)\n", "", "test_staging_faults.py", "synced_record"),
    "the reserve is given back": (
        "journal.py", "or not self.reserve.give_back()", "or True", "test_staging_faults.py", "gives_the_reserve"),
    "a torn line is cut off": (
        "journal.py", "            journal.cut()\n", "            pass\n", "test_journal.py", "cuts_it_off"),
    "a damaged journal is not written": (
        "recovery.py", "if recovered.damaged:\n        raise", "if False:\n        raise", "test_journal.py", "damaged_journal_stops"),
    "journals lead nowhere outside": (
        "records.py", "return split_path(path)", "return tuple(path.split('/'))", "test_journal.py",
        "forged_record"),
    "journals name files of their own batch": (
        "records.py", "    if place[inner:] != home:", "    if False:", "test_journal.py", "another_name_makes"),
    "journals name no file for removal but markers": (
        "records.py", "if not parts[-1].endswith(MARKER):", "if False:", "test_journal.py", "forged_record"),
    "journals name no folder for removal outside their batch": (
        "records.py", "if parts[0] not in STAGING or (len(parts) > 1 and parts[1] != batch):", "if False:",
        "test_journal.py", "forged_record"),
    "conflicts touch nothing": (
        "homing.py", "    if conflicts:\n", "    if False:\n", "test_staging_faults.py", "contents_conflict"),
    "a bundle stays staged whole": (
        "homing.py", "                _take_back(folders, done)\n                taken", "                taken", STAGING,
        "last_moment"),
    "lost files raise the alarm": (
        "recovery.py", "if nowhere and not accept_lost:", "if False:", "test_staging_faults.py", "nowhere_raises"),
    "what is unfinished goes home first": (
        "__init__.py", "        need_finished(result.recovered)\n        examiner", "        examiner",
        "test_staging_faults.py", "stays_open"),
    "approval needs the token": (
        "__init__.py", "if token is not None and token != token_of(library, batch):", "if False:", "test_approval.py",
        "token_invalid or without_consent"),
    "approval looks at the keepers": (
        "approval.py", "self._check_keeper(folders, keeper, staged)", "pass", "test_approval.py", "does_not_stand"),
    "clusters are never approved": (
        "approval.py", "if any(intent.staging == CLUSTERS for intent in batch.intents.values()):", "if False:", STAGING,
        "clusters_move"),
    "deleting for good waits a day": (
        "__init__.py", "if not old_enough(batch):", "if False:", "test_approval.py", "second_token_and_a_day"),
    "a trash is not believed": (
        "approval.py", "if safefs.look(spot) is not None:", "if False:", "test_approval.py", "only_pretends"),
    "a marker with content stays": (
        "restoring.py", "and status.st_size == 0", "", "test_flags.py", "not_empty_any_more"),
    "flags are journalled first": (
        "flags.py", '    journal.append([{"event": "created", "time": utc_now(), "flags": paths}])\n', "", "test_flags.py",
        "undoes_it"),
}  # fmt: skip


def run_tests(folder: Path, file: str, words: str) -> int:
    """Return the exit status of some tests against the copy in a folder: 1 if one failed."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        f"tests/staging/{file}",
        "-k",
        words,
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120)
    return done.returncode


def scratch_copy(folder: Path) -> None:
    shutil.copytree(
        PROJECT / "dedup_nb", folder / "dedup_nb", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "tests/staging").mkdir(parents=True)
    for path in (*HERE.glob("test_staging*.py"), HERE / "staging_kit.py", HERE / "test_plans.py",
                 HERE / "test_journal.py", HERE / "test_approval.py", HERE / "test_flags.py"):  # fmt: skip
        shutil.copy(path, folder / "tests/staging")
    shutil.copy(PROJECT / "pyproject.toml", folder)


def room_of(project: Path, file: str) -> Path:
    """Return a module of staging, or one of the library below it."""
    own = project / "dedup_nb" / "staging" / file
    return own if own.exists() else project / "dedup_nb" / "library" / file


def test_every_guard_stands_where_the_list_says() -> None:
    counts = {
        name: room_of(PROJECT, file).read_text().count(old)
        for name, (file, old, *_) in GUARDS.items()
    }
    assert {name: n for name, n in counts.items() if n != 1} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", GUARDS)
def test_without_the_guard_a_test_fails(name: str, tmp_path: Path) -> None:
    file, old, new, tests, words = GUARDS[name]
    scratch_copy(tmp_path)
    path = room_of(tmp_path, file)
    path.write_text(path.read_text().replace(old, new))
    assert run_tests(tmp_path, tests, words) == 1
