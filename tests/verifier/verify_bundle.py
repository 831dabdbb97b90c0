#!/usr/bin/env python3
"""A second verifier of bundles and of proofs of one entry, written from docs/ledger.md and not from the product's code.
It reads the table of items from that page, which lies two folders above it.

    verify_bundle.py BUNDLE [VKEY …]
    verify_bundle.py FILE.tlog-proof VKEY …

Ends with 0 if the entries are proved, with 1 if something is wrong, with 2 if the file cannot be read, or a proof is to be
checked without a key, and with 3 if no key was given for a bundle: then those in it are taken, and anybody can have made it.
"""

import base64
import hashlib
import json
import re
import sys
import uuid
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SPECIFICATION = Path(__file__).resolve().parents[2] / "docs/ledger.md"


def specified():
    """The numbers of the items of each kind, from the table of the specification."""
    kinds = {"text": {}, "number": {}, "UUID": {}, "bytes": {}}
    for number, item, value in re.findall(r"^\| (\d+) \| (`\w+`|the payload's commitment) \| (.+) \|$",
                                          SPECIFICATION.read_text(), re.MULTILINE):
        kind = next((kind for kind in ("text", "UUID", "number", "microseconds") if kind in value), "bytes")
        name = item.strip("`") if item.startswith("`") else "payload_commitment"
        kinds["number" if kind == "microseconds" else kind][name] = int(number)
    return kinds.values()


TEXTS, NUMBERS, IDS, OTHERS = specified()
COMMITMENT = OTHERS["payload_commitment"]
FIELDS = {**TEXTS, **NUMBERS, **IDS, **OTHERS}
PROOF = "c2sp.org/tlog-proof@v1"


class Wrong(Exception):
    """What is wrong first."""


def demand(is_so, what):
    if not is_so:
        raise Wrong(what)


def sha(data):
    return hashlib.sha256(data).digest()


def node(left, right):
    return sha(b"\x01" + left + right)


def unhex(text):
    data = bytes.fromhex(text)
    demand(len(data) == 32 and data.hex() == text, "a hash is no hash, or is spelled in another way")
    return data


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    demand(base64.b64encode(data).decode() == text, "bytes in base64 are spelled in another way")
    return data


def written(value):
    """JSON as the writer spells it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def once(pairs):
    """An object whose names occur once."""
    demand(len({name for name, _ in pairs}) == len(pairs), "a name is there twice")
    return dict(pairs)


def read(line, names):
    json_ = json.loads(line, object_pairs_hook=once)
    demand(isinstance(json_, dict) and list(json_) == [name for name in names if name in json_],
           "a line has names that it must not have, or has them in another order")
    demand(written(json_) == line, "a line is not spelled as the writer spells it")
    return json_


def verifier(vkey):
    """Name, id, kind and key of a vkey."""
    name, number, encoded = vkey.split("+", 2)
    key = unbase64(encoded)
    demand(len(key) == 33 and key[0] in (1, 4), "a key is of no known kind")
    demand(sha(name.encode() + b"\n" + key)[:4].hex() == number, "a key's id is not its own")
    return name, bytes.fromhex(number), key[0], Ed25519PublicKey.from_public_bytes(key[1:])


def open_note(note, keys):
    """Size and root of a checkpoint, and the time of its signature."""
    demand(all(c == "\n" or c >= " " for c in note), "the note has control characters")
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    demand(signatures.endswith("\n"), "the note is cut off")
    lines = signatures[:-1].split("\n")
    demand(len(lines) <= 16, "the note has too many signatures")
    by_log, time = False, None
    for line in lines:
        dash, name, encoded = line.split(" ")
        signature = unbase64(encoded)
        demand(dash == "\u2014" and len(signature) > 4, "a signature is none")
        for known, number, kind, key in keys:
            if (known, number) != (name, signature[:4]):
                continue
            if kind == 1:
                key.verify(signature[4:], text.encode())
                by_log = by_log or name == text.split("\n")[0]
            else:
                time = int.from_bytes(signature[4:12], "big")
                key.verify(signature[12:], f"cosignature/v1\ntime {time}\n{text}".encode())
    demand(by_log, "no trusted key of the log signed the checkpoint")
    demand(time is not None or all(kind == 1 for _, _, kind, _ in keys), "nobody signed when it was, and a key is for that")
    _, size, root, rest = text.split("\n")
    demand(rest == "" and str(int(size)) == size and int(size) < 2**64, "the checkpoint is none")
    root = unbase64(root)
    demand(len(root) == 32, "the root is no hash")
    return int(size), root, time


def id_bytes(text):
    number = uuid.UUID(text)
    demand(str(number) == text, "an id is spelled in another way")
    return number.bytes


def content_hash(content):
    items = []
    order = [FIELDS.get(name, -1) for name in content]
    demand(order == sorted(set(order)), "the fields of an entry are not in their order")
    for name, value in content.items():
        if name == "payload_commitment":
            items.append((COMMITMENT, unhex(value)))
        elif name in TEXTS:
            items.append((TEXTS[name], value.encode()))
        elif name in NUMBERS:
            demand(type(value) is int, f"{name} is no number")
            items.append((NUMBERS[name], value.to_bytes(8, "big", signed=True)))
        else:
            demand(name in IDS, f"there is no field {name}")
            items.append((IDS[name], id_bytes(value)))
    return sha(b"".join(bytes([number]) + len(value).to_bytes(4, "big") + value for number, value in sorted(items)))


def leaf_hash(entry):
    demand(entry["version"] == 1 and ("content" in entry) != ("hash" in entry), "an entry is neither shown nor hidden")
    content = content_hash(entry["content"]) if "content" in entry else unhex(entry["hash"])
    leaf = entry["version"].to_bytes(2, "big") + entry["seq"].to_bytes(8, "big")
    leaf += entry["recorded_at"].to_bytes(8, "big", signed=True) + content
    return sha(b"\x00" + leaf)


def check_payload(entry):
    payload = entry["payload"]
    demand(list(payload) == ["salt", "request", "response", "notes"], "a payload is none")
    data = b"\x00" + unhex(payload["salt"])
    for text in (payload["request"], payload["response"], payload["notes"]):
        data += (2**64 - 1 if text is None else len(text.encode())).to_bytes(8, "big") + (text or "").encode()
    commitments = [sha(tag + data).hex() for tag in (b"mcp-audit-log-payload-v1", b"mcp-audit-payload-v1")]
    demand(entry["content"]["payload_commitment"] in commitments, f"the payload of entry {entry['seq']} is another")


def push(stack, level, index, hash_):
    """Adds a complete subtree behind those of the stack, and joins what becomes complete."""
    while index & 1:
        hash_ = node(stack.pop(), hash_)
        level, index = level + 1, index >> 1
    stack.append(hash_)


def completion(at, end):
    while at < end:
        level = (end - at).bit_length() - 1
        if at:
            level = min(level, (at & -at).bit_length() - 1)
        yield level, at >> level
        at += 1 << level


def check(lines, keys):
    demand(lines and lines.pop() == "", "the file is cut off")
    head = read(lines[0], ["format", "first", "end", "left", "right", "checkpoint", "keys"])
    demand(head["format"] in ("mcp-audit-log-bundle-v1", "mcp-audit-bundle-v1"), "this is no bundle")
    # The key that says when is among the log's own, whoever is trusted.
    open_note(head["checkpoint"], [verifier(key) for key in head["keys"]])
    size, root, time = open_note(head["checkpoint"], [verifier(key) for key in keys or head["keys"]])
    first, end = head["first"], head["end"]
    behind_entries = lines[1 + end - first:]
    demand(0 <= first < end <= size and len(lines) >= 1 + end - first, "entries are missing")
    stack = [unhex(hash_) for hash_ in head["left"]]
    demand(len(stack) == bin(first).count("1"), "the frontier is not that of the first entry")
    for seq, line in enumerate(lines[1:1 + end - first], first):
        entry = read(line, ["version", "seq", "recorded_at", "content", "hash", "payload"])
        demand(entry["seq"] == seq, f"entry {seq} is missing or out of order")
        if "payload" in entry:
            check_payload(entry)
        push(stack, 0, seq, leaf_hash(entry))
    behind = list(completion(end, size))
    demand(len(behind) == len(head["right"]), "the hashes behind the last entry are not as many as they must be")
    for (level, index), hash_ in zip(behind, head["right"]):
        push(stack, level, index, unhex(hash_))
    made = stack.pop()
    while stack:
        made = node(stack.pop(), made)
    demand(made == root, "the entries do not match the signed root")
    for line in behind_entries:
        check_judgement(line, head["checkpoint"], keys or head["keys"])
    return first, end, size, time


def check_judgement(line, checkpoint, keys):
    """Whether a line behind the entries is one about what judged: a component has its digest, and an entry is proved."""
    kind = json.loads(line).get("judgement")
    names = {"record": ["since", "judges"], "sealed": ["proof"], "component": ["digest", "bytes"]}
    demand(kind in names, "there are more entries than the first line names")
    value = read(line, ["judgement", *names[kind]])
    demand(list(value) == ["judgement", *names[kind]], "a line about what judged is incomplete")
    if kind == "component":
        demand(value["digest"] == "sha256:" + sha(unbase64(value["bytes"])).hex(), "a component has another digest")
    if kind == "sealed":
        lines = value["proof"].split("\n")
        demand("\n".join(lines[lines.index("") + 1:]) == checkpoint, "a proof is of another checkpoint")
        check_proof(lines, keys)


def check_items(content):
    """Whether the bytes are items of known numbers in ascending order, each of the kind that its field has."""
    at, before = 0, 0
    while at < len(content):
        number, length = content[at], int.from_bytes(content[at + 1:at + 5], "big")
        value = content[at + 5:at + 5 + length]
        demand(before < number and at + 5 + length <= len(content), "the entry is not made of items")
        if number in TEXTS.values():
            value.decode()
        else:
            sizes = {**dict.fromkeys(NUMBERS.values(), 8), **dict.fromkeys(IDS.values(), 16), COMMITMENT: 32}
            demand(sizes.get(number) == length, "an item of the entry is none")
        at, before = at + 5 + length, number


def check_proof(lines, keys):
    """The entry's place, and size and time of the checkpoint."""
    begin = lines.index("")
    heading, extra, index, *hashes = lines[:begin]
    demand(heading == PROOF and extra.startswith("extra ") and index.startswith("index "), "this is no proof with an entry")
    size, root, time = open_note("\n".join(lines[begin + 1:]), [verifier(key) for key in keys])
    place = int(index[6:])
    demand(index == f"index {place}" and 0 <= place < size, "the place is none")
    entry = unbase64(extra[6:])
    leaf, content = entry[:50], entry[50:]
    demand(len(leaf) == 50 and leaf[:2] == b"\0\1" and int.from_bytes(leaf[2:10], "big") == place, "the leaf is another")
    demand(leaf[18:] == sha(content), "the entry is not the one that the leaf has")
    check_items(content)
    made, last = sha(b"\x00" + leaf), size - 1
    at = place
    for hash_ in map(unbase64, hashes):
        demand(len(hash_) == 32 and last > 0, "the proof has hashes that it must not have")
        if at & 1 or at == last:
            made = node(hash_, made)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            made = node(made, hash_)
        at, last = at >> 1, last >> 1
    demand(last == 0 and made == root, "the entry does not lead to the root that was signed")
    return place, size, time


def main():
    path, *keys = sys.argv[1:]
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            lines = file.read().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{path} cannot be read: {error}", file=sys.stderr)
        return 2
    is_proof = lines[0] == PROOF
    if is_proof and not keys:
        print("name the log's keys: a proof has none", file=sys.stderr)
        return 2
    try:
        if is_proof:
            first, size, time = check_proof(lines, keys)
            end = first + 1
        else:
            first, end, size, time = check(lines, keys)
    except (Wrong, InvalidSignature, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        print(f"WRONG  {type(error).__name__}: {error}")
        return 1
    said = f"entries {first} to {end - 1} of {size}, signed at {time}"
    print(f"PROVED  {said}" if keys else f"UNPROVED  {said}, by the bundle's own keys: name those of the log")
    return 0 if keys else 3


if __name__ == "__main__":
    sys.exit(main())
