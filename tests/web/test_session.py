"""A service with keys: the viewer asks for one, says when it is wrong, and goes on with a right one."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_asks_for_a_key_and_takes_the_right_one(context: BrowserContext, keyed_service: tuple[str, str]) -> None:
    address, key = keyed_service
    page = context.new_page()
    page.goto(f"{address}/")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    page.fill("#sign-in-key", "wrong")
    page.keyboard.press("Enter")
    expect(dialog.locator("[role=alert]")).not_to_be_empty()
    page.fill("#sign-in-key", key)
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    page.wait_for_selector("body[data-ready=true]")
    expect(page.get_by_role("button", name="退出登录")).to_be_visible()
