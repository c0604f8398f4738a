"""Chinese addresses: taken apart, matched with buildings and units, found by pinyin."""
