"""What people enter, from wherever they enter it, to values that the rest may trust.

fields    one setting: how it is read, how it must be written, what the form of a connection shows
readers   from text or JSON to a value
forms     from a table of fields to the form of a connection
store     a store: its table is store_fields
"""
