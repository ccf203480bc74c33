"""The balancing algorithms, a file each, and the one table that names them."""

from __future__ import annotations

from urlrewrite.farms.policies.least_requests import LeastRequests
from urlrewrite.farms.policies.least_response_time import LeastResponseTime
from urlrewrite.farms.policies.policy import Policy
from urlrewrite.farms.policies.power_of_two_choices import PowerOfTwoChoices
from urlrewrite.farms.policies.request_hash import RequestHash
from urlrewrite.farms.policies.weighted_round_robin import WeightedRoundRobin
from urlrewrite.farms.policies.weighted_total_traffic import WeightedTotalTraffic
from urlrewrite.model.farms import Algorithm

POLICIES: dict[Algorithm, type[Policy]] = {
    Algorithm.WEIGHTED_ROUND_ROBIN: WeightedRoundRobin,
    Algorithm.LEAST_REQUESTS: LeastRequests,
    Algorithm.LEAST_RESPONSE_TIME: LeastResponseTime,
    Algorithm.WEIGHTED_TOTAL_TRAFFIC: WeightedTotalTraffic,
    Algorithm.REQUEST_HASH: RequestHash,
    Algorithm.POWER_OF_TWO_CHOICES: PowerOfTwoChoices,
}
"""Algorithm -> what does it. A new one is a file, a name in the model and a row here."""
