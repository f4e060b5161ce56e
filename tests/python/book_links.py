#!/usr/bin/env python3
"""Makes every link of the built book work: `book_links.py ROOT BOOK`.

BOOK holds the book in `docs`. mdbook turns `.md` at the end of any link into `.html`, also where a link
leads to a file outside of the book, or to a folder's README.md, which becomes index.html. This fixes
those links, copies the files that they lead to beside the book, and fails when a link leads nowhere.
"""

import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r'(?<=href=")[^"#:]+(?=[#"])')


def target(link, page, root, book):
    """The link as it must be; copies what it leads to, if that is outside of the book."""
    if (page.parent / unquote(link)).exists():
        return link
    for wanted in (link, re.sub(r"README\.html$", "index.html", link), re.sub(r"\.html$", ".md", link)):
        place = Path(page.parent, unquote(wanted)).resolve()
        if place.exists():
            return wanted
        source = root / place.relative_to(book) if place.is_relative_to(book) else None
        if source and source.exists() and not place.is_relative_to(book / "docs"):
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
            return wanted
    raise FileNotFoundError(f"{page.relative_to(book)}: {link} leads nowhere")


def main():
    root, book = (Path(argument).resolve() for argument in sys.argv[1:])
    pages, dead = sorted((book / "docs").rglob("*.html")), []
    for page in pages:

        def fixed(link, page=page):
            try:
                return target(link[0], page, root, book)
            except FileNotFoundError as fault:
                dead.append(str(fault))
                return link[0]

        text = page.read_text()
        page.write_text(LINK.sub(fixed, text))
    if dead:
        sys.exit("\n".join(dead))
    print(f"{len(pages)} pages: {book / 'docs' / 'index.html'}")


if __name__ == "__main__":
    main()
