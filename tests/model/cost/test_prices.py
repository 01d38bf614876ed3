"""The price table: every row can be cited, and no price is taken for another Region's without saying so."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from model.cost import prices
from model.cost.kinds import FREE, KINDS
from model.cost.usage import Usage

PROJECT = Path(__file__).resolve().parents[3]
TABLE = prices.load()
ROWS = [row for rows in TABLE.rows.values() for row in rows]


def test_every_row_has_a_service_a_region_and_a_source_that_can_be_looked_up() -> None:
    assert date(2026, 11, 26) <= TABLE.read <= date.today()
    for row in ROWS:
        assert row.service and row.unit
        assert row.usd > 0, row
        assert row.source.file.startswith(
            ("https://pricing.us-east-1.amazonaws.com/", "https://aws.amazon.com/", "https://b0.p.awsstatic.com/")
        )
        assert "@" in row.source.via or "public index document" in row.source.via, row
        assert row.source.published is None or row.source.published <= TABLE.read
        # A Region's row comes from that Region's file, where AWS has a file for each.
        regional = re.search(r"/(?:current|\d{14})/([a-z]{2}-[a-z]+-\d)/", row.source.file)
        assert regional is None or regional[1] == row.region, row


def test_an_item_has_one_price_in_a_region_and_every_source_is_used() -> None:
    for item, rows in TABLE.rows.items():
        assert len({row.region for row in rows}) == len(rows), item
    content: Any = yaml.safe_load(prices.FILE.read_text())
    assert set(content["sources"]) == {row[3] for rows in content["prices"].values() for row in rows}


def test_the_regions_own_price_comes_first_then_everywheres_then_another_regions_by_name() -> None:
    def row(region: str) -> prices.Price:
        return prices.Price("kms-key", "month", region, Decimal(1), ROWS[0].source)

    order = [row("eu-west-1"), row("us-east-1"), row("global"), row("ap-south-1")]
    while order:
        table = prices.Prices(TABLE.read, "USD", "us-east-1", {"kms-key": tuple(order)})
        found = table.find("kms-key", "ap-south-1")
        assert found == order.pop()
    assert TABLE.find("nothing", "ap-south-1") is None


def test_a_type_is_billed_in_one_way_and_exists() -> None:
    known = {
        json.loads(line).get("kind")
        for line in (PROJECT / "localcloud/provider/constraints/pulumi.jsonl").read_text().splitlines()
    }
    assert not FREE & set(KINDS)
    assert set(KINDS) <= known
    assert not {kind for kind in FREE if kind not in known}
    assert list(FREE) and (PROJECT / "model/cost/free.txt").read_text().split() == sorted(FREE)


@pytest.mark.parametrize("name", [n for n in Usage.model_fields if n not in ("hours", "task_hours")])
def test_every_number_of_the_assumptions_is_used_by_a_kind(name: str) -> None:
    shared = [each for kind in KINDS.values() for each in kind.shared]
    assert name in {each.usage for each in shared}
    assert all(each.item in TABLE.rows for each in shared)
