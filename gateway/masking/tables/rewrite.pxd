# Types for rewrite.py, where it is compiled. Python itself does not read this file.

cimport cython

from gateway.masking.tables cimport numbers

cdef Py_ssize_t _HEAD
cdef int _ROW

@cython.locals(
    raw="const unsigned char*",
    end=Py_ssize_t,
    last=Py_ssize_t,
    row=Py_ssize_t,
    copied=Py_ssize_t,
    rows=Py_ssize_t,
    row_end=Py_ssize_t,
    at=Py_ssize_t,
    column=Py_ssize_t,
    head=Py_ssize_t,
    tag=cython.int,
    length=Py_ssize_t,
    cells=cython.int,
    size=Py_ssize_t,
    pieces=list,
    piece=bytes,
)
cpdef tuple rewrite(bytes data, Py_ssize_t columns, tuple stencil, list nulls)
