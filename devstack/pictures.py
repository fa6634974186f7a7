"""What passes for a picture where nobody looks for a face."""

JPEG_HEAD = bytes.fromhex("ffd8ffc0001108006400640301220002110103110101ffda000c03010002000300003f00")
"""The head of a JPEG of 100 x 100 px, to be followed by anything."""
