# What numbers.py says, in C. Whoever calls has checked that the bytes are there.

cdef inline (int, int, int) row_at(const unsigned char* data, Py_ssize_t at) noexcept:
    return (data[at], size_at(data, at + 1)[0], <short>((data[at + 5] << 8) | data[at + 6]))

cdef inline (int,) size_at(const unsigned char* data, Py_ssize_t at) noexcept:
    return (<int>((<unsigned int>data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]),)

cdef inline bytes packed(int number):
    cdef unsigned char[4] raw
    raw[0] = (number >> 24) & 255
    raw[1] = (number >> 16) & 255
    raw[2] = (number >> 8) & 255
    raw[3] = number & 255
    return raw[:4]
