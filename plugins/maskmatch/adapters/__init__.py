"""The only places that touch the outside world: the vendor, object storage, the broker's file."""
