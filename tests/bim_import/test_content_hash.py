from __future__ import annotations

import pytest

from bim_import.content_hash import ContentHash, UnknownContent

BOX = b"""DATA;
#1=IFCCARTESIANPOINT((0.,0.,0.));
#2=IFCDIRECTION((0.,0.,1.));
#3=IFCAXIS2PLACEMENT3D(#1,#2,$);
#4=IFCBLOCK(#3,1.,2.,3.);
#5=IFCCOLOURRGB('red; no #1',1.,0.,0.);
#6=IFCSTYLEDITEM(#4,(#5),$);
#7=IFCOWNERHISTORY(#1,#2,$,.ADDED.,$,$,$,1700000000);
#8=IFCWALL('x',#7,'it''s #3',#3,#4);
ENDSEC;
"""


def wall(data: bytes, number: int = 8) -> bytes:
    return ContentHash(data).of(number)


def whole(data: bytes) -> bytes | None:
    return ContentHash(data).whole()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"#1=IFCCARTESIANPOINT((0.,0.,0.));\n", b"#1 = IFCCARTESIANPOINT ( ( 0. , 0. ,\n 0. ) ) ;\n"),
        (b"1700000000", b"1800000000"),
        (b"DATA;", b"DATA; /* it's #9=IFCBLOCK(#3,9.,9.,9.); */"),
    ],
)
def test_what_means_the_same_has_the_same_hash(old: bytes, new: bytes) -> None:
    other = BOX.replace(old, new, 1)
    assert other != BOX
    assert (wall(other), whole(other)) == (wall(BOX), whole(BOX))


def test_numbers_and_order_do_not_matter() -> None:
    lines = BOX.splitlines(keepends=True)
    other = b"".join([lines[0], *reversed(lines[1:-1]), lines[-1]])
    # Numbers in texts are no references.
    for number in range(8, 0, -1):
        other = other.replace(b"#%d" % number, b"#%d" % (100 * number))
    other = other.replace(b"no #100", b"no #1").replace(b"s #300", b"s #3")
    assert wall(other, 800) == wall(BOX)
    assert whole(other) == whole(BOX)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"(0.,0.,1.)", b"(0.,1.,0.)"),  # deep below
        (b"#1,#2,$)", b"#2,#1,$)"),  # the same references in another order
        (b"1.,0.,0.);\n#6", b"1.,0.,1.);\n#6"),  # a colour, which only points at the block
        (b"it''s #3", b"it''s #4"),  # a text
    ],
)
def test_what_differs_has_another_hash(old: bytes, new: bytes) -> None:
    other = BOX.replace(old, new, 1)
    assert other != BOX
    assert wall(other) != wall(BOX)
    assert whole(other) != whole(BOX)


@pytest.mark.parametrize("broken", [BOX.replace(b"#2=", b"#9="), BOX.replace(b"((0.,0.,0.))", b"(#3)")])
def test_what_is_missing_or_goes_in_a_circle_has_no_hash(broken: bytes) -> None:
    content = ContentHash(broken)
    with pytest.raises(UnknownContent):
        content.of(8)
    assert content.whole() is None
