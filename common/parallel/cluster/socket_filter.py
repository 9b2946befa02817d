"""A packet filter for a listening socket: it accepts only what was sent to certain addresses.

TensorFlow's server listens at every address of the machine, and gRPC offers no way to restrict it.
But Linux runs a small program for each packet that reaches a socket, if the owner of the socket
attaches one (classic BPF); no privilege is needed. A connection inherits the program of the socket
that accepted it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

# From linux/filter.h and asm-generic/socket.h.
SO_ATTACH_FILTER = 26
LOAD_WORD, LOAD_BYTE, AND, JUMP_IF_EQUAL, RETURN = 0x20, 0x30, 0x54, 0x15, 0x06
NETWORK_HEADER = 0xFFF00000  # offsets from here on count from the beginning of the IP header
IPV4, IPV6 = (0x40, 16), (0x60, 24)  # first byte of the header; offset of the destination address
ALL_BYTES = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]  # code, instructions to skip if true, if false, constant


def accept_only(port: int, addresses: Sequence[bytes]) -> None:
    """Let this process's sockets that listen at `port` receive only packets for `addresses`.

    Args:
        port: 1 to 65535.
        addresses: packed IP addresses, of 4 or 16 bytes.

    Raises:
        OSError: the kernel rejects the filter.
    """
    program = filter_program(addresses)
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    memory = ctypes.create_string_buffer(code)
    pointer = struct.pack("HP", len(program), ctypes.addressof(memory))
    for listener in _listeners(port):
        with listener:
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)


def filter_program(addresses: Sequence[bytes]) -> list[Instruction]:
    """Return a program that keeps the packets for some addresses and drops all others.

    Args:
        addresses: packed IP addresses, of 4 or 16 bytes.
    """
    program: list[Instruction] = []
    for address in addresses:
        version, offset = IPV4 if len(address) == 4 else IPV6
        words = struct.unpack(f"!{len(address) // 4}I", address)
        rest = 2 * len(words) + 1  # instructions to skip up to the next address
        program += [
            (LOAD_BYTE, 0, 0, NETWORK_HEADER),
            (AND, 0, 0, 0xF0),
            (JUMP_IF_EQUAL, 0, rest, version),
        ]
        for number, word in enumerate(words):
            rest -= 2
            program += [
                (LOAD_WORD, 0, 0, NETWORK_HEADER + offset + 4 * number),
                (JUMP_IF_EQUAL, 0, rest, word),
            ]
        program.append((RETURN, 0, 0, ALL_BYTES))
    program.append((RETURN, 0, 0, 0))
    return program


def _listeners(port: int) -> Iterable[socket.socket]:
    """Yield this process's sockets that listen at `port`."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            one = socket.socket(fileno=os.dup(int(descriptor.name)))
        except OSError:  # a file, or closed in the meantime
            continue
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.getsockname()[1] == port:
            yield one
        else:
            one.close()
