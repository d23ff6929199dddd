"""Raw files as streams: unpacked, decoded, cut into lines, and verified, in memory that does not grow with the file."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Iterator

from bioner.corpora.limits import Limits
from bioner.corpora.raw import RawFile
from bioner.corpora.repairs import Repairs
from bioner.errors import BionerError

BLOCK = 1 << 20
DENSE = 1024
_PART = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS


def read_lines(file: RawFile, repairs: Repairs, limits: Limits) -> Iterator[str]:
    """Lines of a UTF-8 file without their ends, one at a time; a name that ends in `.gz` is unpacked.

    Only LF and CRLF end lines. A byte order mark, carriage returns and a missing last LF are noted in `repairs`.

    Raises:
        BionerError: invalid UTF-8, damaged gzip data, something over the limits, or (at the end of the file) bytes
            that are not those of the manifest; with file and line.
    """
    return text_lines(file.name, unpack(file.name, file.blocks(), limits), repairs, limits)


def read_blocks(file: RawFile, limits: Limits) -> Iterator[bytes]:
    """The bytes of a file in blocks of about 1 MiB, unpacked and verified as in `read_lines`."""
    return unpack(file.name, file.blocks(), limits)


def read_document(file: RawFile, limits: Limits) -> bytes:
    """All bytes of a file that holds one document or its annotations, unpacked and verified.

    Raises:
        BionerError: as `read_blocks`, or more bytes than `document_characters` can have in UTF-8.
    """
    found = bytearray()
    for block in read_blocks(file, limits):
        found += block
        if len(found) > 4 * limits.document_characters:
            raise limits.exceeded("document_characters", file.name)
    return bytes(found)


def unpack(name: str, blocks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Blocks of a file called `name`, none of them empty, unpacked when that ends in `.gz`, at most `unpacked_bytes` in all.

    No text unpacks a hundredfold: what does may only have a 1024th of that, or a bomb of short lines would take minutes to refuse,
    and one of tokens without a sentence's end gigabytes of memory.
    """
    size = packed = 0

    def counted() -> Iterator[bytes]:
        nonlocal packed
        for block in blocks:
            # in small parts, or a bomb in one block would count as all of that
            for start in range(0, len(block), _PART):
                part = block[start : start + _PART]
                packed += len(part)
                yield part

    for block in _members(name, counted()) if name.endswith(".gz") else blocks:
        size += len(block)
        if size > limits.unpacked_bytes:
            raise limits.exceeded("unpacked_bytes", name)
        if size > 100 * packed > 0 and size > limits.unpacked_bytes // DENSE:
            raise BionerError(
                f"{name}: expected at most {limits.unpacked_bytes // DENSE:,} bytes of data that unpack a hundredfold, found more; "
                "take another file, or raise unpacked_bytes in the dataset's `limits` in the config"
            )
        if block:
            yield block


def _members(name: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of gzip members that follow each other, in blocks; zeros after a member are padding."""
    member = zlib.decompressobj(_GZIP)
    try:
        for packed in blocks:
            rest = packed
            while rest:
                if member.eof:
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    member = zlib.decompressobj(_GZIP)
                # bounded, because one block may unpack to a thousand
                yield member.decompress(rest, BLOCK)
                rest = member.unused_data if member.eof else member.unconsumed_tail
        yield member.flush()
    except zlib.error as error:
        raise BionerError(f"{name}: expected gzip data, found a damaged file ({error}); download it again") from error
    if not member.eof:
        raise BionerError(f"{name}: expected gzip data, found the file's end before that of the data; download it again")


def text_lines(name: str, blocks: Iterable[bytes], repairs: Repairs, limits: Limits) -> Iterator[str]:
    """Lines of a UTF-8 file given as blocks of bytes; see `read_lines`."""
    number, begun = 0, [""]
    for text in decoded(name, blocks, repairs):
        lines = text.split("\n")
        begun.append(lines[0])
        if len(lines) > 1:
            lines[0], begun = "".join(begun), [lines.pop()]
            _check_lengths(name, number, lines, limits)
            # the return may be the end of the block before
            yield from _without_returns(name, number, lines, repairs) if "\r" in text or "\r" in lines[0] else lines
            number += len(lines)
        if sum(map(len, begun)) > limits.line_characters:
            raise limits.exceeded("line_characters", f"{name}:{number + 1}")
    last = "".join(begun)
    if last:
        repairs.note("no newline at the end of the file", name)
        yield from _without_returns(name, number, [last], repairs)


def _check_lengths(name: str, number: int, lines: list[str], limits: Limits) -> None:
    if max(map(len, lines)) > limits.line_characters:
        long = next(index for index, line in enumerate(lines) if len(line) > limits.line_characters)
        raise limits.exceeded("line_characters", f"{name}:{number + long + 1}")


def _without_returns(name: str, number: int, lines: list[str], repairs: Repairs) -> Iterator[str]:
    for index, line in enumerate(lines, number + 1):
        if line.endswith("\r"):
            repairs.note("carriage return at the end of a line", f"{name}:{index}")
        yield line.removesuffix("\r")


def decoded(name: str, blocks: Iterable[bytes], repairs: Repairs) -> Iterator[str]:
    """Pieces of text, the byte order mark removed."""
    decoder, row, begin = codecs.getincrementaldecoder("utf-8")(), 1, True
    try:
        for block in blocks:
            text = decoder.decode(block)
            if begin and text:
                begin = False
                if text.startswith("\ufeff"):
                    repairs.note("byte order mark removed", f"{name}:1")
                    text = text[1:]
            yield text
            row += block.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        row += error.object.count(b"\n", 0, error.start)
        found = f"byte {error.object[error.start]:#04x}"
        raise BionerError(f"{name}:{row}: expected UTF-8, found {found}; convert the file to UTF-8") from error
