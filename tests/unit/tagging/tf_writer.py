"""Writes TensorFlow checkpoints, for tests: what tensor_bundle.cc and table_builder.cc lay down, with small blocks."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0xDB4775248B80FB57
KINDS = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}


def _eight_bits(register: int) -> int:
    for _ in range(8):
        register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register


STEPS = [_eight_bits(value) for value in range(256)]


def slow_crc32c(data: bytes, register: int = 0xFFFFFFFF) -> int:
    """RFC 3720, byte by byte, from a register on."""
    for byte in data:
        register = STEPS[(register ^ byte) & 255] ^ register >> 8
    return register ^ 0xFFFFFFFF


def write_checkpoint(
    prefix: Path, variables: Mapping[str, NDArray[Any]], *, shards: int = 1, header: bytes = b"", extra: bytes = b""
) -> None:
    """Write `<prefix>.index` and the data files.

    Args:
        shards: data files, over which variables are dealt in turn.
        header: fields after the number of shards in the bundle's header.
        extra: fields after those of each variable's entry.
    """
    data = [b""] * shards
    entries = [(b"", _varint_field(1, shards) + header)]
    for number, (name, values) in enumerate(sorted(variables.items())):
        shard = number % shards
        content = np.ascontiguousarray(values).tobytes()
        dimensions = b"".join(_bytes_field(2, _varint_field(1, size)) for size in values.shape)
        entry = _varint_field(1, KINDS[values.dtype.name]) + _bytes_field(2, dimensions)
        entry += _varint_field(3, shard) + _varint_field(4, len(data[shard])) + _varint_field(5, len(content))
        entries.append((name.encode(), entry + b"\x35" + struct.pack("<I", mask(slow_crc32c(content))) + extra))
        data[shard] += content
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(entries))
    for shard, content in enumerate(data):
        prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(content)


def table(entries: Iterable[tuple[bytes, bytes]], *, compression: int = 0) -> bytes:
    """A table of blocks of five entries each."""
    entries = list(entries)
    out = b""
    index = []
    for first in range(0, len(entries), 5):
        chunk = entries[first : first + 5]
        index.append((chunk[-1][0], _varint(len(out)) + _varint(len(content := block(chunk)))))
        out += _sealed(content, compression)
    handles = []
    for content in (block([]), block(index)):
        handles.append(_varint(len(out)) + _varint(len(content)))
        out += _sealed(content, 0)
    return out + b"".join(handles).ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def block(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Entries with shared beginnings of keys left out, but at each third entry."""
    out, last, restarts = b"", b"", []
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % 3 == 0:
            restarts.append(len(out))
        else:
            shared = next((i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b), min(len(key), len(last)))
        out += _varint(shared) + _varint(len(key) - shared) + _varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return out + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def mask(checksum: int) -> int:
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _sealed(content: bytes, compression: int) -> bytes:
    content += bytes([compression])
    return content + struct.pack("<I", mask(slow_crc32c(content)))


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _varint_field(number: int, value: int) -> bytes:
    """A field of a number; as protocol buffers do it, none for 0."""
    return _varint(number << 3) + _varint(value) if value else b""


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value
