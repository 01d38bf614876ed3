"""Money: whole paise (1/100 of a rupee) in integers, never floats."""

from __future__ import annotations

from typing import Annotated, Final, NewType

from pydantic import Field

#: An amount in paise; negative where money leaves an account.
Paise = NewType("Paise", int)

#: The largest amount that one request may move: ₹100 crore. Sums of many stay far inside a bigint.
MAX_AMOUNT = Paise(100_00_00_000 * 100)

CURRENCY: Final = "INR"

#: What a request may carry: strict, so that 10.0, "10" and true are refused and nothing is rounded.
PositivePaise = Annotated[
    Paise, Field(strict=True, gt=0, le=MAX_AMOUNT, description="Amount in paise", examples=[2500])
]
