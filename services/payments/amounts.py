"""Paise and rupees: exact both ways, without floats in between."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from services.common.money import Paise


def rupees(amount: Paise) -> float:
    """What JSON carries as decimal rupees: the shortest number that reads as exactly `amount`.

    >>> rupees(Paise(835)), rupees(Paise(17000))
    (8.35, 170.0)
    """
    return float(f"{amount // 100}.{amount % 100:02}")


def paise(value: Any) -> Paise:
    """The paise of decimal rupees as a provider sent them. Raises ValueError for what is no amount of whole paise.

    >>> paise("8.35"), paise(Decimal("170.00")), paise(3)
    (835, 17000, 300)
    """
    try:
        hundredfold = Decimal(str(value)) * 100
        whole = int(hundredfold)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError("no amount of rupees") from None
    if hundredfold != whole:
        raise ValueError("no amount of whole paise")
    return Paise(whole)
