"""The words and rules of the field, in the standard library alone: pairs, outcomes, codes, plans, prices."""
