"""Names of columns that a statement uses where a value could be carried elsewhere."""

import pytest

from tests.policy.sql_text import facts


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("update c set name = ssn", {"ssn"}),
        ("update c set name = 'x' where id = 1 returning ssn", {"id"}),
        ("insert into o select * from c", {"*"}),
        ("insert into o select c from c", {"c", "*"}),
        ("insert into o select row_to_json(k) from c k", {"k", "*"}),
        ("insert into o select (k).ssn from c k", {"k", "ssn", "*"}),
        ("insert into o select 1 from c natural join d", {"*"}),
        ("insert into o select 1 from c join d using (ssn)", {"ssn"}),
        ("delete from c where exists (select 1 from d where d.ssn = c.id)", {"ssn", "id"}),
        ("select 1", set()),
    ],
)
def test_mentions(text: str, mentioned: set[str]) -> None:
    assert facts(text).mentions == mentioned
