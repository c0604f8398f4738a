"""A service with keys: the viewer asks for one, says when it is wrong, and shows what the right one's role may do."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.web.conftest import KeyedService

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_each_role_signs_in_and_finds_what_it_may_do(context: BrowserContext, keyed_service: KeyedService) -> None:
    address, viewer, commander = keyed_service
    page = context.new_page()
    page.goto(f"{address}/#cmd=zones")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    page.fill("#sign-in-key", "wrong")
    page.keyboard.press("Enter")
    expect(dialog.locator("[role=alert]")).not_to_be_empty()
    for key, may_command in ((viewer, False), (commander, True)):
        page.fill("#sign-in-key", key)
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        page.wait_for_selector("body[data-ready=true]")
        page.click("[data-tab=zones]")
        expect(page.locator(".zones-tab")).to_contain_text("尚无区域")
        buttons = [page.locator(f"#{name}") for name in ("zone-new", "zone-demarcate")]
        assert [button.count() for button in buttons] == [may_command] * 2
        page.click("[data-tab=incident]")
        expect(page.locator(".incident-tab")).to_contain_text("尚无")
        assert page.locator("#incident-new").count() == may_command
        page.get_by_role("button", name="退出登录").click()
        expect(dialog).to_be_visible()
