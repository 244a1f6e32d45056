"""HTTP, only here: saved detectors for a line, and for the clients of both predecessors.

One application on one port. Read `application` first: it lists the routers and what stands
before them. Nothing is computed here that `artifacts`, a detector or an `InspectionSession`
does not compute.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {"application": ["create_app", "run"], "settings": ["Settings"]},
    modules=["keys"],
)
