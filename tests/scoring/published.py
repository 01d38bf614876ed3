"""Point tables as the guides print them, typed from there and not from our rules documents. Ranges are inclusive at both
ends and given to two decimals, as published."""

from __future__ import annotations

from typing import Any

ANY = 10**9

T20_ECONOMY = (2, [(0, 4.99, 6), (5, 5.99, 4), (6, 7, 2), (10, 11, -2), (11.01, 12, -4), (12.01, ANY, -6)])
T20_STRIKE = (10, [(170.01, ANY, 6), (150.01, 170, 4), (130, 150, 2), (60, 70, -2), (50, 59.99, -4), (0, 49.99, -6)])
FIELDING = {"catch": 8, "three catches": 4, "stumping": 12, "direct": 12, "assist": 6}

#: milestones and hauls: highest only. dots: points for every so many.
CRICKET: dict[str, dict[str, Any]] = {
    "cricket-t20-a": {
        **FIELDING, "line-up": 4, "run": 1, "four": 1, "six": 2, "milestones": {30: 4, 50: 8, 100: 16}, "duck": -2,
        "dots": None, "wicket": 25, "lbw or bowled": 8, "hauls": {3: 4, 4: 8, 5: 16}, "maiden": 12,
        "economy": T20_ECONOMY, "strike rate": T20_STRIKE, "per innings": False,
    },
    "cricket-t20-b": {
        **FIELDING, "line-up": 4, "run": 1, "four": 4, "six": 6, "milestones": {25: 4, 50: 8, 75: 12, 100: 16}, "duck": -2,
        "dots": (1, 1), "wicket": 30, "lbw or bowled": 8, "hauls": {3: 4, 4: 8, 5: 12}, "maiden": 12,
        "economy": T20_ECONOMY, "strike rate": T20_STRIKE, "per innings": False,
    },
    "cricket-odi": {
        **FIELDING, "line-up": 4, "run": 1, "four": 4, "six": 6,
        "milestones": {25: 4, 50: 8, 75: 12, 100: 16, 125: 20, 150: 24}, "duck": -3,
        "dots": (3, 1), "wicket": 30, "lbw or bowled": 8, "hauls": {4: 4, 5: 8, 6: 12}, "maiden": 4,
        "economy": (5, [(0, 2.49, 6), (2.5, 3.49, 4), (3.5, 4.5, 2), (7, 8, -2), (8.01, 9, -4), (9.01, ANY, -6)]),
        "strike rate": (20, [(140.01, ANY, 6), (120.01, 140, 4), (100, 120, 2), (40, 50, -2), (30, 39.99, -4), (0, 29.99, -6)]),
        "per innings": False,
    },
    "cricket-test": {
        **FIELDING, "three catches": 0, "line-up": 4, "run": 1, "four": 4, "six": 6,
        "milestones": {25: 4, 50: 8, 75: 12, 100: 16, 125: 20, 150: 24}, "duck": -4,
        "dots": None, "wicket": 20, "lbw or bowled": 8, "hauls": {4: 4, 5: 8, 6: 12}, "maiden": 0,
        "economy": None, "strike rate": None, "per innings": True,
    },
    "cricket-t10": {
        **FIELDING, "line-up": 4, "run": 1, "four": 4, "six": 6, "milestones": {25: 8, 50: 12, 75: 16}, "duck": -2,
        "dots": (1, 1), "wicket": 30, "lbw or bowled": 8, "hauls": {2: 4, 3: 8, 4: 12, 5: 16}, "maiden": 16,
        "economy": (1, [(0, 6.99, 6), (7, 7.99, 4), (8, 9, 2), (14, 15, -2), (15.01, 16, -4), (16.01, ANY, -6)]),
        "strike rate": (5, [(190.01, ANY, 6), (170.01, 190, 4), (150, 170, 2), (70, 80, -2), (60, 69.99, -4), (0, 59.99, -6)]),
        "per innings": False,
    },
}  # fmt: skip


def banded(bands: list[tuple[float, float, int]], rate: float) -> int:
    """The points of a rate rounded to two decimals, as a person reads the printed table."""
    shown = round(rate, 2)
    return next((points for low, high, points in bands if low <= shown <= high), 0)


def highest(steps: dict[int, int], value: int) -> int:
    """The points of the highest step reached."""
    return max([(at, points) for at, points in steps.items() if value >= at], default=(0, 0))[1]


RACE = {1: 25, 2: 18, 3: 15, 4: 12, 5: 10, 6: 8, 7: 6, 8: 4, 9: 2, 10: 1}
SPRINT = {1: 8, 2: 7, 3: 6, 4: 5, 5: 4, 6: 3, 7: 2, 8: 1}
QUALIFYING = {1: 10, 2: 9, 3: 8, 4: 7, 5: 6, 6: 5, 7: 4, 8: 3, 9: 2, 10: 1}
