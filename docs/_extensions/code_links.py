"""Code spans that name something public link to it: `VotePosterior`, `votes.read_votes`, `fit`."""

from docutils import nodes
from sphinx.util.nodes import make_refnode


def setup(app):
    app.connect("doctree-resolved", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _link(app, doctree, page):
    places = _places(app.env)
    for code in list(doctree.findall(nodes.literal)):
        place = places.get(code.astext().partition("(")[0])
        if place is None or isinstance(code.parent, nodes.reference):
            continue
        target, name = place
        if target != page:
            link = make_refnode(app.builder, page, target, name, code.deepcopy(), name)
            code.replace_self(link)


def _places(env):
    """Every name that means one public thing, full or short, and the page and anchor of it."""
    objects = env.domains.python_domain.objects
    places = {}
    for name, entry in objects.items():
        parts = name.split(".")
        for start in range(len(parts)):
            short = ".".join(parts[start:])
            # a method's bare name (`fit`, `mean`) stands for many things
            if start < len(parts) - 1 or entry.objtype in ("class", "function", "exception"):
                places.setdefault(short, set()).add((entry.docname, entry.node_id))
    return {name: min(found) for name, found in places.items() if len(found) == 1}
