"""One thing a caller may do, and the answer the vendor gives to it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.comparemaskface.contract.by_hand import Answer
from tests.comparemaskface.contract.world import World


@dataclass(frozen=True)
class Case:
    """`says`: part of the message that must be there. A portable case holds for the vendor's endpoint too."""

    name: str
    code: str
    act: Callable[[World], Answer]
    says: str = ""
    is_portable: bool = False

    def complaint(self, world: World) -> str:
        """Return what is wrong with the answer; empty when it is right."""
        answer = self.act(world)
        if answer.code != self.code:
            return f"{self.name}: {answer.code} ({answer.message}) instead of {self.code}"
        if self.says.format(request_id=answer.request_id) not in answer.message:
            return f"{self.name}: the message does not say {self.says!r}: {answer.message!r}"
        if not answer.is_well_formed or len(answer.request_id) != 36:
            return f"{self.name}: the envelope is not the vendor's"
        return ""
