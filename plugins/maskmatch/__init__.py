"""Compare millions of face pairs within the quota, and pay for none twice."""
