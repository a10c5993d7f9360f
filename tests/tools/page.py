"""Opens pages in headless Chromium and prints what it finds, as JSON: python page.py FILE...

Each page is opened light and dark, wide and narrow. Found are: console messages, requests for anything but the page
itself, tables and figures with what they lack, what leaves the page at its sides, and what axe-core objects to.
SHOTS=FOLDER keeps a picture of each, and the printed page.
"""
import json
import os
import pathlib
import shutil
import sys

import axe_playwright_python
from playwright.sync_api import sync_playwright

AXE = next(pathlib.Path(axe_playwright_python.__file__).parent.rglob("axe*.js")).read_text()
# Bytes of a page up to which axe-core is asked: on a page of a thousand stages it takes minutes, and finds the same.
AXE_BYTES = 300_000
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
STRUCTURE = """() => {
  const lacks = [];
  for (const svg of document.querySelectorAll('svg')) {
    const box = svg.getBoundingClientRect();
    const text = name => svg.querySelector(':scope > ' + name)?.textContent;
    if (svg.getAttribute('role') !== 'img' || !text('title') || !text('desc')) lacks.push('svg: role, title or desc');
    if (box.width < 100 || box.height < 100) lacks.push('svg: too small');
    if (/NaN|inf|undefined/.test(svg.outerHTML)) lacks.push('svg: no number');
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption?.textContent) lacks.push('table: caption');
    if ([...table.querySelectorAll('th')].some(th => !th.scope)) lacks.push('table: scope');
    const widths = new Set([...table.rows].map(row => [...row.cells].reduce((n, cell) => n + cell.colSpan, 0)));
    if (widths.size !== 1) lacks.push('table: rows of different widths');
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  if (new Set(ids).size !== ids.length) lacks.push('ids: twice');
  return {
    lacks, tables: document.querySelectorAll('table').length, figures: document.querySelectorAll('figure svg').length,
    scripts: document.querySelectorAll('script').length,
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    answer: document.querySelector('.answer')?.textContent,
  };
}"""


def objections(page):
    page.evaluate(AXE)
    result = page.evaluate("() => axe.run()")
    return [f"{it['impact']}: {it['id']}: {it['help']}: {it['nodes'][0]['html'][:200]}" for it in result["violations"]]


def look(browser, path, scheme, width):
    found = {"scheme": scheme, "width": width, "console": [], "requests": []}
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    url = path.resolve().as_uri()
    page.on("console", lambda message: found["console"].append(message.text))
    page.on("pageerror", lambda error: found["console"].append(str(error)))
    page.on("request", lambda asked: asked.url != url and not asked.url.startswith("data:") and found["requests"].append(asked.url))
    page.goto(url)
    found.update(page.evaluate(STRUCTURE))
    found["violations"] = objections(page) if path.stat().st_size < AXE_BYTES else []
    if shots := os.environ.get("SHOTS"):
        name = f"{shots}/{path.parent.name}-{scheme}-{width}"
        page.screenshot(path=f"{name}.png", full_page=True)
        if (scheme, width) == ("light", 1280):
            page.pdf(path=f"{name}.pdf", format="A4")
    context.close()
    return found


def main():
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        files = [pathlib.Path(name) for name in sys.argv[1:]]
        print(json.dumps({str(path): [look(browser, path, *how) for how in LOOKS] for path in files}, indent=1))
        browser.close()


main()
