"""The vendor's wire: requests, signatures, errors and replies, byte for byte."""
