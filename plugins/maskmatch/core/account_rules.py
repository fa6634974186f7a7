"""What holds for an account that says nothing else, and the bounds of what it may say."""

DEFAULT_ENDPOINT = "iai.tencentcloudapi.com"
DEFAULT_REGION = "ap-guangzhou"
DEFAULT_CALLS_PER_SECOND = 50.0
"""Rate limit of pay-per-call accounts: https://cloud.tencent.com/document/product/867/50269"""
LEAST_CALLS_PER_SECOND = 0.001
"""A call in a quarter of an hour; a rate that is next to nothing is a slip of the pen."""
MOST_CALLS_PER_SECOND = 100_000
ANSWER_SECONDS = 10.0
"""For the whole answer, however slowly it drips, once the request has left: the vendor's backend gives up
after 5 s. For a request that does not leave, from the last of it that did."""
VENDOR_SECONDS, MOST_CALL_SECONDS = 5.0, 60.0
"""What the vendor itself may take for a call, and what no service should: a signature lives 300 s."""
