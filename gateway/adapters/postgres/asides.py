"""What a server says beside results: notices, notifications, settings; and what of its words may be shown."""

from dataclasses import replace

from gateway.adapters.postgres.encodings import ENCODINGS
from gateway.adapters.postgres.flight import Entry
from gateway.adapters.postgres.talk import Talk
from gateway.adapters.postgres.upstream.parameters import Called
from gateway.recording.statements import mark_said
from gateway.wire.postgres.frames import Message
from gateway.wire.postgres.messages import (
    ErrorFields,
    field,
    make_notice,
    make_notification,
    make_parameter_status,
    parse_fields,
    parse_notification,
    parse_parameter_status,
)

FREE_TEXT = frozenset({"application_name", "search_path"})
"""Settings whose new value may be anything."""
WRITTEN = frozenset({"datestyle", "timezone", "intervalstyle"})
"""Settings that say how values are written, and nothing about names."""
MASKED = "[masked]"


class Asides:
    """Of one conversation."""

    def __init__(self, talk: Talk, called: Called) -> None:
        self._talk = talk
        self._called = called

    def notice(self, item: Message) -> None:
        """The server has something to say."""
        head = self._talk.flight.head
        fields = self.words(parse_fields(item.body), head)
        self._talk.desk.mark(mark_said("notice", field(fields, "M")))
        self._talk.show(make_notice(fields))

    def notification(self, item: Message) -> None:
        """Somebody has notified a channel."""
        news = parse_notification(item.body)
        shown = self._unasked(news.payload)
        self._talk.desk.mark(mark_said("notification", f"{news.channel}: {shown}"))
        self._talk.show(
            item.frame if shown == news.payload else make_notification(replace(news, payload=shown))
        )

    def setting(self, item: Message) -> None:
        """A setting has another value now."""
        setting = parse_parameter_status(item.body)
        if setting.name == "standard_conforming_strings":
            self._talk.plain_strings = setting.value == "on"
        elif setting.name == "client_encoding":
            self._talk.desk.encoding = setting.value
            self._talk.encoding = ENCODINGS.get(setting.value.upper(), "ascii")
        elif setting.name.lower() in WRITTEN and self._talk.began is not None:
            self._talk.began = {**self._talk.began, setting.name.lower(): setting.value}
        shown = self._called.reported(setting.name, setting.value)
        if setting.name in FREE_TEXT:
            shown = self._unasked(shown)
        is_same = shown == setting.value
        self._talk.show(item.frame if is_same else make_parameter_status(replace(setting, value=shown)))

    def _unasked(self, text: str) -> str:
        """What comes beside results, in a session that has masks: nobody can tell what is in it."""
        masks = self._talk.masks
        if not masks:
            return text
        ((_, shown),) = self._talk.desk.masks.of_words(masks, None, (("D", text),)) or (("D", MASKED),)
        return shown

    def words(self, fields: ErrorFields, head: Entry | None) -> ErrorFields:
        """What the server says in words, as it may be shown. What is about no statement came by itself."""
        if head is not None and head.current is not None:
            return head.current.words(fields)
        masks, prepared = self._talk.desk.masks, None if head is None else head.prepared
        if prepared is not None:
            return masks.of_words(prepared.masks, prepared.facts, fields) if prepared.masks else fields
        return (
            masks.of_words(self._talk.masks, None, fields)
            if self._talk.masks and head is not None
            else fields
        )
