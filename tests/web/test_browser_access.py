"""The page in a real browser: on a phone, by keyboard, with a screen reader, in light and dark."""

import time

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("gradio")


def test_a_phone_shows_all_of_it_without_sideways_scrolling(one, visit, files):
    there = visit(one.url, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    assert there.sideways() <= 0
    there.send(files.image("two.png", (20, 70, 120, 230), (240, 70, 120, 20)))
    there.page.tap(".df-switch")
    there.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert there.sideways() <= 0
    small = there.page.evaluate(
        """[...document.querySelectorAll("button, summary, .df-switch, .df-zone")]
        .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 40).map((one) => one.outerHTML)"""
    )
    assert small == [], "too small for a finger"
    wide = there.page.evaluate(
        """[...document.querySelectorAll("#df-answer *")].filter((one) => {
        const place = one.getBoundingClientRect();
        return place.width && (place.right > innerWidth + 1 || place.left < -1); }).map((one) => one.className)"""
    )
    assert wide == []


def test_by_keyboard_alone(one, visit, files):
    there = visit(one.url)
    keyboard = there.page.keyboard
    focused = "document.activeElement.className"
    reached = []
    for _ in range(12):
        keyboard.press("Tab")
        reached.append(str(there.page.evaluate(focused)))
        outline = there.page.evaluate(
            """(() => { const at = document.activeElement.closest(".df-zone") ?? document.activeElement;
            return getComputedStyle(at).outlineStyle + getComputedStyle(at).outlineWidth; })()"""
        )
        if "df-" in reached[-1]:
            assert outline == "solid3px", reached[-1]
    places = [reached.index(name) for name in ("df-file", "df-camera", "df-sample")]
    assert places == sorted(places), "the order of what is seen"
    there.page.focus(".df-file")
    with there.page.expect_file_chooser() as chooser:
        keyboard.press("Space")
    chooser.value.set_files(files.image("fake.png", (150, 70, 160, 230)))
    there.wait()
    there.page.focus(".df-sample >> nth=5")
    keyboard.press("Tab")
    assert there.page.evaluate("document.activeElement.getAttribute('role')") == "switch"
    keyboard.press("Space")
    assert there.opacity(".df-stage .df-heat") == 1
    keyboard.press("Tab")
    keyboard.press("Enter")
    assert there.page.is_visible(".df-card dl")


def test_a_screen_reader_finds_names_and_roles(one, visit, files):
    there = visit(one.url)
    there.send(files.image("two.png", (20, 70, 120, 230), (240, 70, 120, 20)))
    tree = there.page.locator("body").aria_snapshot()
    for line in (
        'heading "Is this face photo fake?" [level=1]',
        'button "Use the camera"',
        'button "a part swapped"',
        'heading "Looks fake" [level=2]',
        'img "What was judged: 2 faces"',
        'switch "Show the evidence of from-0.5"',
        'heading "When not to trust this" [level=3]',
        'table "Where the evidence lies"',
        'rowheader "eyes"',
        "status",
    ):
        assert line in tree
    assert "Choose a photo or a clip" in tree
    assert there.page.get_attribute("html", "lang") == "en"
    unnamed = there.page.evaluate(
        """[...document.querySelectorAll("#df-box img, #df-answer img")]
        .filter((one) => !one.hasAttribute("alt")).length"""
    )
    assert unnamed == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("red", [230, 128, 20])
def test_text_can_be_read_in_light_and_dark(one, visit, files, scheme, red):
    there = visit(one.url, color_scheme=scheme)
    there.send(files.image(f"{red}.png", (150, 70, 160, red)))
    there.page.click(".df-switch")
    there.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    time.sleep(0.5)
    faint = there.page.evaluate(CONTRAST)
    assert faint == []
    page = there.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, page[4:-1].split(","))) < 150) == (scheme == "dark")


CONTRAST = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = (one) => { for (let at = one; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length && (colour.length < 4 || colour[3] > 0.99)) return colour; } return [255, 255, 255]; };
  const found = [];
  for (const one of document.querySelectorAll("#df-box *, #df-answer *")) {
    const text = [...one.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim());
    if (!text || !one.checkVisibility({ opacityProperty: true }) || one.closest(".df-live, .df-box")) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${one.className || one.tagName}: ${ratio.toFixed(2)} ${one.textContent.slice(0, 30)}`);
  }
  return found;
}"""
