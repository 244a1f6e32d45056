"""How the widgets look: one style sheet that follows the light or dark theme around it."""

from pathlib import Path

OK, NG = "#0072B2", "#C24E00"  # the two colours of the plots, NG darker for white text on it
CSS = Path(__file__).with_name("style.css").read_text("utf-8")
