"""All cases; names are unique."""

from tests.comparemaskface.contract.cases_accounts import account_cases
from tests.comparemaskface.contract.cases_content import content_cases
from tests.comparemaskface.contract.cases_wire import wire_cases

CASES = [*wire_cases(), *account_cases(), *content_cases()]
