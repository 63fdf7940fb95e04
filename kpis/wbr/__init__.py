"""The weekly business review: what happened, why, what is uncertain, what fired, what to do next. One page.

given.py     what it is written from
review.py    what it says, as data; writing.py: from the one to the other
happened.py  the figures, channels, days, retention; why.py: changes as effects that sum to them, and explanations
doubts.py    what is uncertain; fired.py: alerts, and what to do, by the money at stake
text.py      the review as Markdown; page.py: as an HTML page that stands alone, with drawing.py and style.py
"""

from kpis.wbr.given import Given
from kpis.wbr.page import html
from kpis.wbr.review import Review
from kpis.wbr.text import markdown
from kpis.wbr.writing import alert_ids, restated, write

__all__ = ["Given", "Review", "alert_ids", "html", "markdown", "restated", "write"]
