"""The reference graph: one resource of every kind, with what it needs, how it is updated and how it can drift.

`{"ref": "name.output"}` stands for an output of a resource above. `drift` changes the live thing by boto3 behind the
provider's back, and `drifted` is the input in which Read must see it; kinds without a live form (recorded) or without
anything that can be changed have none.
"""

from __future__ import annotations

from tests.localcloud.provider.graph import access, buckets, compute, data, edge, network, watch
from tests.localcloud.provider.graph.case import Case

#: In the order in which they are made.
CASES: dict[str, Case] = {
    **network.CASES,
    **access.CASES,
    **compute.CASES,
    **data.CASES,
    **buckets.CASES,
    **edge.CASES,
    **watch.CASES,
}

__all__ = ["CASES", "Case"]
