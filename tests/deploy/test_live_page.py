"""A camera's page: what it says, and that its own policy lets its own parts through and nothing else."""

import base64
import hashlib
import json
import re

from dfdetect.deploy.live_page import live_page
from dfdetect.deploy.metadata import UncertainBand

BAND = UncertainBand(0.4, 0.6, 0.1, 0.09, 0.8, 500)


def test_the_policy_names_the_pages_own_script_and_style():
    page = live_page("camera:0", "standin", 0.5, BAND)
    html = page.html.decode()
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page.policy
    assert "unsafe" not in page.policy
    assert page.policy.startswith("default-src 'none'; ")
    assert not re.search(r"(?:src|href)=\"(?!data:,)|https?:|\bstyle=|\bon\w+=\"", html)


def test_what_it_says():
    html = live_page("camera:0", "standin, CPU", 0.512, BAND).html.decode()
    assert "standin, CPU. Fake from p_fake 0.512" in html
    assert "uncertain from 0.400 to 0.600" in html
    (known,) = re.findall(r"const known = (\{.*?\});", html)
    assert json.loads(known) == {"threshold": 0.512, "band": [0.4, 0.6]}
    assert '"band": null' in live_page("camera:0", "standin", 0.5, None).html.decode()
    assert 'aria-live="polite"' in html


def test_a_name_is_text_whatever_it_holds():
    html = live_page("camera:<script>alert(1)</script>&MODEL\udcff", "m", 0.5, None).html.decode()
    assert "camera:&lt;script&gt;alert(1)&lt;/script&gt;&amp;MODEL" in html
    assert html.count("<script>") == 1
