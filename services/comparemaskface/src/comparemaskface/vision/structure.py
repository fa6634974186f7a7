"""What `jpeg` and `png` raise alike."""


class BrokenStructure(ValueError):
    """The file is incomplete, damaged, or of a kind that is not read."""
