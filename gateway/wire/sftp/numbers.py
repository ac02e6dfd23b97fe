"""The numbers and names of SFTP version 3, and the bounds that are kept here."""

from enum import IntEnum, IntFlag

VERSION = 3

PACKET_MOST = (256 << 10) + (4 << 10)
"""Bytes of one message without its length. OpenSSH stops at 256 KiB, other servers leave room for a header."""

DATA_MOST = (256 << 10) - (1 << 10)
"""What is asked for with one READ. Servers may answer with less, so a client that wants more asks again."""

HANDLE_MOST = 256


class Kind(IntEnum):
    """What a message is."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


POSIX_RENAME = b"posix-rename@openssh.com"
HARDLINK = b"hardlink@openssh.com"
LSETSTAT = b"lsetstat@openssh.com"
STATVFS = b"statvfs@openssh.com"
FSTATVFS = b"fstatvfs@openssh.com"
FSYNC = b"fsync@openssh.com"
LIMITS = b"limits@openssh.com"
EXPAND_PATH = b"expand-path@openssh.com"
HOME_DIRECTORY = b"home-directory"
USERS_GROUPS = b"users-groups-by-id@openssh.com"
COPY_DATA = b"copy-data"

EXTENSIONS = frozenset(
    {
        (POSIX_RENAME, b"1"),
        (HARDLINK, b"1"),
        (LSETSTAT, b"1"),
        (STATVFS, b"2"),
        (FSTATVFS, b"2"),
        (FSYNC, b"1"),
        (LIMITS, b"1"),
        (EXPAND_PATH, b"1"),
        (HOME_DIRECTORY, b"1"),
        (USERS_GROUPS, b"1"),
        (COPY_DATA, b"1"),
    }
)
"""Name and version of those that are understood. A client that is told of others might use them."""


class Flags(IntFlag):
    """How a file is to be opened."""

    READ = 1
    WRITE = 2
    APPEND = 4
    CREATE = 8
    TRUNCATE = 16
    EXCLUSIVE = 32


class Has(IntFlag):
    """Which attributes are there."""

    SIZE = 1
    OWNER = 2
    PERMISSIONS = 4
    TIMES = 8
    EXTENDED = 0x80000000


class Code(IntEnum):
    """What a STATUS says."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8
