"""A box to write a text of several lines in. What comes into it is made harmless first, by whatever way it comes.

So what somebody sees in it is all that there is: what would be invisible is there as `<U+XXXX>`.
"""

from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from hoop_tui.safe_text import visible

_KEPT = "\n\t"


def is_all_visible(text: str) -> bool:
    """It can be edited as it is."""
    return visible(text, keep=_KEPT) == text


class Editor(TextArea):
    """`text` is what stands in it."""

    def __init__(self, text: str = "", *, id: str) -> None:
        super().__init__(visible(text, keep=_KEPT), id=id, soft_wrap=True, tab_behavior="focus")

    def load_text(self, text: str) -> None:
        super().load_text(visible(text, keep=_KEPT))

    def edit(self, edit: Edit) -> EditResult:
        """Typed, pasted, or put back."""
        edit.text = visible(edit.text.replace("\r\n", "\n"), keep=_KEPT)
        return super().edit(edit)
