"""Masks what databases answer: rows, copies and the words of errors, by the columns that they come from.

`columns.decide` is the one place that says what becomes of a column; `rows.RowMasker` and `copying.CopyMasker` carry
it out. Central type: `columns.Plan`. Pure, and fail closed: what can not be understood is hidden, or raises a Fault.
"""
