"""What people enter, from wherever they enter it, to values that the rest may trust.

fields    one setting: how it is read, how it must be written, what the form of a connection shows
readers   from text or JSON to a value
"""
