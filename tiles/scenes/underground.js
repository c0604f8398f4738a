// How many times deeper the pipes are drawn: at their true depth they lie close together under a whole district.
"use strict";

window.cimControl = {
  start({ section, change }) {
    section.hidden = false;
    section.innerHTML = `<fieldset><legend>${window.cimText("exaggeration")}</legend>
      ${[1, 3, 10].map((times) => `<label><input type="radio" name="times" value="${times}"${times === 1 ? " checked" : ""}>
        ×${times}${times === 1 ? ` ${window.cimText("true_depth")}` : ""}</label>`).join("")}</fieldset>`;
    section.addEventListener("change", ({ target }) => {
      const times = Number(target.value);
      change((layer) => (layer.id === "pipes" ? { modelMatrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, times, 0, 0, 0, 0, 1] } : null));
    });
  },
};
