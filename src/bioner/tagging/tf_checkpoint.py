"""TensorFlow checkpoints, read without TensorFlow.

A checkpoint `<prefix>` (the format of TensorFlow since 0.12, "V2") is a table `<prefix>.index` in the manner of LevelDB, which
names each variable with its type, shape, place and checksum, and files `<prefix>.data-<i>-of-<n>` with the variables' bytes
(tensorflow/core/util/tensor_bundle, tensorflow/core/lib/io/table, tensorflow/core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioner.errors import BionerError
from bioner.tagging.crc32c import crc32c

MAGIC = 0xDB4775248B80FB57
FOOTER, TRAILER = 48, 5
SNAPPY = 1
BIG_ENDIAN = 1
FLOATS = {1: "<f4", 2: "<f8", 19: "<f2"}
"""Number in types.proto -> type in numpy, of what weights are stored as."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Where a variable lies: `size` bytes from `offset` of data file `shard`; `kind` is a number of types.proto."""

    kind: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    partitioned: bool


class Checkpoint:
    """The variables of a checkpoint by name.

    Args:
        prefix: the path up to `.index`.

    Raises:
        BionerError: no such checkpoint, or an index that is damaged, compressed, or of big-endian bytes.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.index = prefix.with_name(f"{prefix.name}.index")
        if not self.index.is_file():
            raise BionerError(
                f"{self.index}: expected the index of a TensorFlow checkpoint beside its data file, found none; give the path up to .index"
            )
        try:
            entries = dict(_read_table(self.index.read_bytes()))
            header = dict(_fields(entries.pop(b"")))
            self.variables = {name.decode(): _variable(value) for name, value in sorted(entries.items())}
        except (IndexError, KeyError, TypeError, struct.error, UnicodeDecodeError, ValueError) as error:
            found = str(error) if isinstance(error, ValueError) else f"something else ({type(error).__name__})"
            raise BionerError(f"{self.index}: expected the index of a TensorFlow checkpoint, found {found}; download it again") from error
        if header.get(2) == BIG_ENDIAN:
            raise BionerError(
                f"{self.index}: expected little-endian variables, found big-endian ones; save the checkpoint on another machine"
            )
        self.shards = int(header.get(1, 1))

    def read(self, name: str) -> NDArray[np.float32]:
        """A variable's values in float32.

        Raises:
            BionerError: a data file that is missing, cut or damaged, or a variable that is no array of floats.
        """
        variable = self.variables[name]
        path = self.prefix.with_name(f"{self.prefix.name}.data-{variable.shard:05d}-of-{self.shards:05d}")
        if variable.kind not in FLOATS or variable.partitioned:
            found = "a partitioned one" if variable.partitioned else f"type {variable.kind} of types.proto"
            raise BionerError(f"{self.index}: {name}: expected a variable of floats in one part, found {found}; export it as such")
        try:
            with open(path, "rb") as handle:
                handle.seek(variable.offset)
                data = handle.read(variable.size)
        except FileNotFoundError as error:
            raise BionerError(f"{path}: expected the data file of the checkpoint, found none; put it beside the index") from error
        values = np.dtype(FLOATS[variable.kind])
        if len(data) != variable.size or variable.size != prod(variable.shape) * values.itemsize or crc32c(data) != variable.checksum:
            raise BionerError(
                f"{path}: {name}: expected {variable.size} bytes of checksum {variable.checksum:08x} for shape {list(variable.shape)}, "
                f"found {len(data)} of {crc32c(data):08x}; the file is cut or damaged: download it again"
            )
        return np.frombuffer(data, values).reshape(variable.shape).astype(np.float32)


def _read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table, in order: the footer leads to the index block, and that to the blocks of entries."""
    if len(data) < FOOTER or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        raise ValueError("no table (its last bytes are not the magic number)")
    _, at = _handle(data, len(data) - FOOTER)  # of the block of meta entries, which has none
    place, _ = _handle(data, at)
    for _, found in _entries(_block(data, *place)):
        yield from _entries(_block(data, *_handle(found, 0)[0]))


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the next handle is."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _block(data: bytes, offset: int, size: int) -> bytes:
    content, trailer = data[offset : offset + size + 1], data[offset + size + 1 : offset + size + TRAILER]
    if crc32c(content) != _unmask(struct.unpack("<I", trailer)[0]):
        raise ValueError(f"a damaged block at byte {offset} (its checksum is another)")
    if content[-1] == SNAPPY:
        raise ValueError("a table compressed with snappy, which only TensorFlow 1.1 wrote: save the checkpoint with another version")
    return content[:-1]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Entries of a block; each key tells only what differs from the key before."""
    (restarts,) = struct.unpack("<I", block[-4:])
    at, end, key = 0, len(block) - 4 - 4 * restarts, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        size, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + size]
        at += own + size


def _variable(data: bytes) -> Variable:
    """A BundleEntryProto: dtype 1, shape 2, shard_id 3, offset 4, size 5, crc32c 6, slices 7."""
    values = dict(_fields(data))
    shape = tuple(int(dict(_fields(part)).get(1, 0)) for number, part in _fields(values.get(2, b"")) if number == 2)
    kind, shard, offset, size, checksum = (int(values.get(number, 0)) for number in (1, 3, 4, 5, 6))
    return Variable(kind, shape, shard, offset, size, _unmask(checksum), 7 in values)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a message of protocol buffers: bytes, or an unsigned number for fixed and varint fields."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        part = data[at : at + size]
        if len(part) != size:
            raise ValueError("a message that ends early")
        yield number, part if kind == 2 else int.from_bytes(part, "little")
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def _unmask(checksum: int) -> int:
    """A checksum of LevelDB's files as it was before it was masked."""
    turned = (checksum - 0xA282EAD8) & 0xFFFFFFFF
    return (turned >> 17 | turned << 15) & 0xFFFFFFFF
