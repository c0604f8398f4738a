// What the page says, in its language: window.cimText(name, values) fills the places of a text in their order.
"use strict";

(() => {
  const { texts, nameFields } = JSON.parse(document.getElementById("texts").textContent);

  window.cimText = (name, ...values) => values.reduce((text, value) => text.replace("{}", () => value), texts[name]);
  window.cimNameFields = nameFields;
})();
