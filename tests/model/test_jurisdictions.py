"""Which countries an environment is shown in, by the files that payments decides by."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.catalog import load_catalog
from model.jurisdictions import served
from model.validation import DocumentError

SERVICES = Path(__file__).parents[2] / "services"


def written(directory: Path, **files: str) -> Path:
    (directory / "payer" / "jurisdictions").mkdir(parents=True)
    for name, content in files.items():
        (directory / "payer" / "jurisdictions" / f"{name}.yaml").write_text(content)
    return directory


def test_a_country_is_shown_what_its_file_names_and_a_part_counts_as_the_country(tmp_path: Path) -> None:
    found = served(
        written(
            tmp_path,
            IN="jurisdiction: IN\nenvironments: [prod]\n",
            KA="jurisdiction: IN-KA\nenvironments: [prod, dev]\n",
            GB="jurisdiction: GB\nenvironments: [prod]\nrules: []\n",
            US="jurisdiction: US\nenvironments: []\n",
            XX="jurisdiction: XX\nenvironments: [prod, local]\n",
        )
    )
    assert found == {"dev": ("IN",), "prod": ("GB", "IN")}, "no viewer is in XX"


def test_the_repository_moves_no_money_in_an_environment_of_aws_so_all_are_shown_everywhere() -> None:
    catalog = load_catalog(SERVICES, "production")
    assert [catalog.countries(stack) for stack in ("prod", "dev", "local")] == [(), (), ()]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "jurisdiction: India\nenvironments: []\n",
            r"payer/jurisdictions/IN\.yaml: jurisdiction: 'India'; accepted: a c",
        ),
        ("environments: [prod]\n", r"jurisdiction: None; accepted: a country's two letters"),
        ("jurisdiction: IN\nenvironments: prod\n", r"environments: 'prod'; accepted: a list of stacks' names"),
        ("jurisdiction: IN\n", r"environments: None; accepted"),
    ],
)
def test_a_file_that_says_neither_where_nor_when_stops_the_program(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(DocumentError, match=sentence):
        served(written(tmp_path, IN=content))
