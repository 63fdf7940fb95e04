"""What the demo world is made of."""

from msgspec import Struct


class Fact(Struct, frozen=True, gc=False):
    """Something that is so in the demo world.

    Facts refer to earlier facts only, never in a circle, so the garbage collector need not look at them. It
    would walk every order of a large world again for each few pages rendered, and take longer than rendering.
    """
