"""Which refusals at administration are stored, so that nobody can fill the table."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address, ip_network

from twofold.core.clients import Address
from twofold.core.policy import REFUSED_A_MINUTE, STRANGERS_A_MINUTE, STRANGERS_IPV6_NETWORK


@dataclass
class RefusalsKept:
    """
    Which refusals are stored: one of each stranger's network a minute, and so many of all of them; few of each user.

    Nobody can fill the table, from outside or inside, and whoever tries is in it: of strangers those who come first in
    that minute. The log tells of each.
    """

    minute: int = 0
    networks: set[str] = field(default_factory=set)
    users: Counter[tuple[Hashable, str]] = field(default_factory=Counter)

    def takes(self, address: Address | None, user_id: Hashable | None, slug: str, at: datetime) -> bool:
        """Whether this one is stored; it then is one of its minute."""
        minute = int(at.timestamp()) // 60
        if minute != self.minute:
            self.minute, self.networks, self.users = minute, set(), Counter()
        if user_id is not None:
            self.users[user_id, slug] += 1
            return self.users[user_id, slug] <= REFUSED_A_MINUTE
        network = _network_of(address)
        if network in self.networks or len(self.networks) >= STRANGERS_A_MINUTE:
            return False
        self.networks.add(network)
        return True


def _network_of(address: Address | None) -> str:
    """What is counted as one stranger; together all who have no address."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, STRANGERS_IPV6_NETWORK), strict=False))
    return str(address)
