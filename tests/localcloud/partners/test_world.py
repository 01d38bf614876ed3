"""What a stand-in draws: no id twice, neither after a change of scenario nor after a new start."""

from __future__ import annotations

from localcloud.partners.world import Scenario, World


def test_no_id_is_given_twice() -> None:
    drawn: list[str] = []
    for run in ("a", "b"):
        world = World("razorpay", Scenario(), lambda: 0.0, run)
        for _ in range(2):
            drawn += [world.new_id("order_"), world.number()]
            world.follow(Scenario())
    assert len(set(drawn)) == len(drawn) == 8
