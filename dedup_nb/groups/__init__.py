"""Pairs -> groups, keepers, roles, rules, decisions and the manifest: tables, no pixels."""

from dedup_nb.groups.bursts import SECONDS as BURST_SECONDS
from dedup_nb.groups.candidates import Candidates
from dedup_nb.groups.checks import Checked, Checks, Judgement
from dedup_nb.groups.clusters import Clusters, nothing_confirmed
from dedup_nb.groups.columns import COLUMNS, NAMES, frame
from dedup_nb.groups.cut import Cut, Parts
from dedup_nb.groups.images import BEST, Images, identifier, utc_time
from dedup_nb.groups.keepers import KEEPER_ORDER, KEEPER_WORDS, keeper_rank
from dedup_nb.groups.layered import Layered
from dedup_nb.groups.marks import KEPT, LAST
from dedup_nb.groups.measures import apart, number
from dedup_nb.groups.roles import KEEPER, NONE, PROTECTED, REVIEW, ROLES, STAGE
from dedup_nb.groups.rules import GUARDED, Rule, bursts_stay, proposed_pairs_only
from dedup_nb.groups.stars import Assignment, Grouping, Stars

__all__ = [
    "BEST",
    "BURST_SECONDS",
    "COLUMNS",
    "GUARDED",
    "KEEPER",
    "KEEPER_ORDER",
    "KEEPER_WORDS",
    "KEPT",
    "LAST",
    "NAMES",
    "NONE",
    "PROTECTED",
    "REVIEW",
    "ROLES",
    "STAGE",
    "Assignment",
    "Candidates",
    "Checked",
    "Checks",
    "Clusters",
    "Cut",
    "Grouping",
    "Images",
    "Judgement",
    "Layered",
    "Parts",
    "Rule",
    "Stars",
    "apart",
    "bursts_stay",
    "frame",
    "identifier",
    "keeper_rank",
    "nothing_confirmed",
    "number",
    "proposed_pairs_only",
    "utc_time",
]
