"""CompareMaskFace through the vendor's own client, set up so that nothing is silently retried or lost.

comparer         what the core calls: an answer, or CallFailed with a rule of the code table
  client         the vendor's client, which checks and reads as usual; building and sending are ours
    request      the body in blocks, and its signature
  values         what an answer holds, as others may keep it
  exchanges      all calls in flight, in one thread, each with a deadline
    answers      one HTTP answer, taken in as it comes
    connections  opened through TLS and proxies, kept while they rest
    trust      whose certificates are accepted
    proxies    what stands between, as the environment says
    stages       where an exchange broke
"""

from maskmatch.tencent.account import Account
from maskmatch.tencent.comparer import MODEL_VERSION, TencentComparer

__all__ = [
    "MODEL_VERSION",
    "Account",
    "TencentComparer",
]
