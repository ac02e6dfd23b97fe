"""Walks over the tree of a command line and notes what it runs, reads, writes and sets. No recursion.

What the grammar and the shells may read differently is a doubt: unknown nodes, and text between nodes.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.policy.shell.facts import ANY, Command, Word
from gateway.policy.shell.words import Resolved, resolve

if TYPE_CHECKING:
    from tree_sitter import Node

_EXPANSIONS = frozenset(
    ("simple_expansion", "expansion", "command_substitution", "arithmetic_expansion", "process_substitution")
)
_REDIRECTS = frozenset(("file_redirect", "heredoc_redirect", "herestring_redirect"))
_FLAT = frozenset(
    ("program", "command", "command_name", "list", "pipeline", "word", "number", "string", "raw_string")
)
_FLAT_PARTS = frozenset(("string_content", "concatenation"))
_KNOWN_NODES = """
    comment
    arithmetic_expansion array binary_expression brace_expression c_style_for_statement case_item case_statement
    command_substitution compound_statement do_group elif_clause else_clause expansion extglob_pattern
    file_descriptor for_statement function_definition heredoc_body heredoc_content heredoc_end heredoc_start
    if_statement negated_command parenthesized_expression postfix_expression process_substitution regex
    simple_expansion special_variable_name subscript subshell ternary_expression test_operator unary_expression
    variable_assignments variable_name while_statement ansi_c_string translated_string test_command
    """
_KNOWN = frozenset(_KNOWN_NODES.split()) | _FLAT | _FLAT_PARTS
_BLOCKS = frozenset(
    (
        *(
            "subshell",
            "if_statement",
            "while_statement",
            "for_statement",
            "c_style_for_statement",
            "case_statement",
        ),
        *("function_definition", "compound_statement", "command_substitution", "process_substitution"),
    )
)
_LOOSE = frozenset(("heredoc_body", "heredoc_redirect", "string", "expansion", "regex", "translated_string"))
"""Between their parts stands text."""
_GAP = re.compile(rb"(?:[ \t\n]|\\\n)*")
_KEYWORD_NAMES = "! { } [[ ]] if then else elif fi for while until do done case esac in select function time"
_KEYWORDS = frozenset(_KEYWORD_NAMES.split())
_ENDS = frozenset((b"", b" ", b"\t", b"\n", b";", b"&", b"|", b"(", b")", b"<", b">"))
"""A keyword that something else follows is none."""
_FOLDED = re.compile(rb"(?:\\\n)+")
_WRITES = frozenset((">", ">>", "&>", "&>>", ">|", "<>"))
_TEST_ONLY = frozenset(("[", "]", "=", "==", "!=", "!", "test_operator"))
_TEST_MARKS = ('"', "$", "${", "$(")
_DOCUMENT_PARTS = frozenset(("heredoc_body", "heredoc_start", "heredoc_end", "file_descriptor"))
_DOCUMENT_REST = frozenset(("pipeline", "list", "command", "redirected_statement"))
_MOST_COMMANDS = 2000


@dataclass(slots=True)
class Found:
    """What one walk has noted."""

    commands: list[Command] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    assigned: list[tuple[str, Word]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    is_flat: bool = True
    """Nothing but commands in lists and pipelines."""
    is_straight: bool = True
    """One command after another: no loop, condition, function or shell within it."""
    has_document: bool = False
    substitutes_file: bool = False
    """`<( )` or `>( )` stands somewhere."""


class Walk:
    """Over one text."""

    def __init__(self, data: bytes, root: "Node") -> None:
        self._data = data
        self._stack: list[tuple[Node, bool]] = [(root, False)]
        self.found = Found()

    def run(self) -> Found:
        found = self.found
        while self._stack:
            node, is_fed = self._stack.pop()
            self._visit(node, is_fed)
            if len(found.commands) > _MOST_COMMANDS:
                found.doubts.append("it has too many commands")
                break
        return found

    def _visit(self, node: "Node", is_fed: bool) -> None:
        kind = node.type
        children = node.children
        if kind == "command" or kind == "declaration_command" or kind == "unset_command":
            self._command(children, is_fed, node)
        elif kind == "redirected_statement":
            self._redirected(children, is_fed)
        elif kind in _REDIRECTS:
            self._command([node], is_fed, node)
        elif kind == "variable_assignment":
            self._assignment(node, is_fed)
        elif kind == "pipeline":
            self._push(children, is_fed, is_pipe=True)
        elif children:
            self._other(node, children, is_fed)

    def _other(self, node: "Node", children: list["Node"], is_fed: bool) -> None:
        kind, found = node.type, self.found
        if kind not in _FLAT and kind not in _FLAT_PARTS:
            found.is_flat = False
        if kind in _BLOCKS:
            found.is_straight = False
        if node.is_named and kind not in _KNOWN:
            found.doubts.append("a part of it is not understood")
        if kind == "test_command":
            self._test(node, children)
        elif kind == "command_substitution":
            if self._data[node.start_byte : node.start_byte + 1] == b"`" and b"\\" in self._raw(node):
                found.doubts.append("backquotes are nested in it")
        elif kind == "process_substitution":
            found.substitutes_file = True
        elif kind not in _LOOSE:
            self._gaps(node, children)
        self._push(children, is_fed)

    def _push(self, children: list["Node"], is_fed: bool, *, is_pipe: bool = False) -> None:
        first = True
        named: list[tuple[Node, bool]] = []
        for child in children:
            if child.child_count:
                named.append((child, is_fed or (is_pipe and not first)))
                first = False
        self._stack.extend(reversed(named))

    def _gaps(self, node: "Node", children: list["Node"]) -> None:
        at = node.start_byte
        for child in children:
            start = child.start_byte
            if start > at and not _GAP.fullmatch(self._data, at, start):
                self.found.doubts.append("a part of it is not understood")
                return
            at = child.end_byte
            if child.type in _KEYWORDS and self._data[at : at + 1] not in _ENDS:
                self.found.doubts.append("a part of it is not understood")
                return

    def _test(self, node: "Node", children: list["Node"]) -> None:
        """`[ ... ]` is a command like any other, which the grammar reads as if it were `[[ ... ]]`."""
        raw = self._raw(node)
        if not raw.startswith(b"[") or raw.startswith(b"[["):
            return
        waiting = list(children)
        while waiting:
            part = waiting.pop()
            odd = not part.is_named and part.type not in _TEST_ONLY and part.type not in _TEST_MARKS
            if odd and part.parent is not None and part.parent.type in ("binary_expression", "test_command"):
                self.found.doubts.append("a test in it is not understood")
                return
            if part.type not in _EXPANSIONS:
                waiting.extend(part.children)
        if b"\n" in raw or b";" in raw or b"&" in raw or b"|" in raw:
            self.found.doubts.append("a test in it is not understood")

    def _redirected(self, children: list["Node"], is_fed: bool) -> None:
        self.found.is_flat = False
        parts: list[Node] = []
        for child in children:
            if child.type == "command":
                parts.extend(child.children)
            elif child.type in _REDIRECTS or child.type in ("declaration_command", "unset_command"):
                parts.extend([child] if child.type in _REDIRECTS else child.children)
            else:
                takes = any(self._feeds(other) for other in children)
                self._stack.append((child, is_fed or takes))
        if parts:
            self._command(parts, is_fed, None)

    def _feeds(self, redirect: "Node") -> bool:
        kind = redirect.type
        if kind == "file_redirect":
            return any(child.type in ("<", "<&", "<>") for child in redirect.children)
        return kind in _REDIRECTS

    def _assignment(self, node: "Node", is_fed: bool) -> None:
        self.found.is_flat = False
        name, equals, value = self._raw(node).partition(b"=")
        words = (
            self._word(node, node.start_byte + len(name) + 1, node.end_byte).words if equals and value else ()
        )
        text = name.rstrip(b"+").decode("utf-8", "replace")
        self.found.assigned.append((text, words[0] if words else Word("", "")))

    def _command(self, children: list["Node"], is_fed: bool, node: "Node | None") -> None:
        """One program call: assignments, words and redirections in any order."""
        words: list[Word] = []
        doubts = self.found.doubts
        if node is not None and children and children[0] is not node:
            self._gaps(node, children)
        run: list[Node] = []
        for child in [*self._spread(children), None]:
            if child is not None and child.type == "variable_assignment":
                self._assignment(child, is_fed)
                if not words and not run:
                    continue
            if child is not None and child.type in _REDIRECTS:
                if run and run[-1].end_byte == child.start_byte and self._is_descriptor(run):
                    is_fed |= self._raw(run[0]) == b"0"
                    run = []
                is_fed |= self._feeds(child)
                self._redirect(child, is_fed)
                continue
            if run and (child is None or not self._adjoins(run[-1], child)):
                made = self._words(run)
                if not words and (made.is_disguised or made.doubt):
                    doubts.append("the program is not written plainly")
                words.extend(made.words)
                run = []
            if child is not None:
                run.append(child)
        if words:
            self.found.commands.append(Command(tuple(words), is_fed))

    def _is_descriptor(self, run: list["Node"]) -> bool:
        """A number that stands right before a redirection is no word."""
        return self._data[run[0].start_byte : run[-1].end_byte].isdigit()

    def _spread(self, children: list["Node"]) -> list["Node"]:
        """The children, and after a redirection the words that the grammar took for a part of it."""
        found: list[Node] = []
        for child in children:
            found.append(child)
            if child.type == "file_redirect":
                targets = child.children_by_field_name("destination")
                found.extend(targets[1:])
            elif child.type == "heredoc_redirect":
                self.found.has_document = True
                for part in child.children:
                    if part.type in _REDIRECTS:
                        found.append(part)
                    elif part.type in _DOCUMENT_PARTS or part.type in _DOCUMENT_REST:
                        self._stack.append((part, True))
                    elif part.is_named:
                        found.append(part)
        return found

    def _adjoins(self, before: "Node", after: "Node") -> bool:
        start, end = before.end_byte, after.start_byte
        return start == end or bool(_FOLDED.fullmatch(self._data, start, end))

    def _redirect(self, node: "Node", is_fed: bool) -> None:
        found = self.found
        found.is_flat = False
        if node.type == "herestring_redirect":
            found.has_document = True
            self._push(node.children, is_fed)
            return
        if node.type != "file_redirect":
            return
        targets = node.children_by_field_name("destination")
        if not targets:
            return
        operator = next((child.type for child in node.children if not child.is_named), "")
        made = self._words([targets[0]])
        if made.doubt:
            found.doubts.append(made.doubt)
        shape = made.words[0].shape
        if operator in _WRITES or (operator == ">&" and not shape.isdigit() and shape != "-"):
            found.writes.append(shape)
        if operator in ("<", "<>"):
            found.reads.append(shape)

    def _words(self, run: list["Node"]) -> Resolved:
        made = self._word(None, run[0].start_byte, run[-1].end_byte, run)
        if made.doubt:
            self.found.doubts.append(made.doubt)
        return made

    def _word(self, whole: "Node | None", start: int, end: int, run: list["Node"] | None = None) -> Resolved:
        """The word between `start` and `end`, its expansions left open and noted for the walk."""
        parts: list[str] = []
        written: list[str] = []
        waiting = list(reversed(run or (whole.children if whole is not None else [])))
        at = start
        while waiting:
            part = waiting.pop()
            if part.start_byte < start:
                continue
            if part.type in _EXPANSIONS:
                self.found.is_flat = False
                parts.append(self._text(at, part.start_byte) + ANY)
                written.append(self._written(part))
                at = part.end_byte
                self._stack.append((part, False))
            else:
                waiting.extend(reversed(part.children))
        parts.append(self._text(at, end))
        made = resolve("".join(parts), written)
        if any(not word.is_known for word in made.words):
            self.found.is_flat = False
        return made

    def _written(self, expansion: "Node") -> str:
        return (
            self._text(expansion.start_byte, expansion.end_byte)
            if expansion.type != "command_substitution"
            else "$()"
        )

    def _raw(self, node: "Node") -> bytes:
        return self._data[node.start_byte : node.end_byte]

    def _text(self, start: int, end: int) -> str:
        return self._data[start:end].decode("utf-8", "replace")
