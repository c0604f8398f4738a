// Notes and changes that are made without the service, kept by the browser and saved as one file to bring back.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [west, south, east, north] = data.extent;
  const $ = (id) => document.getElementById(id);
  const key = `cim-incident-${data.incident}`;
  const kept = restore();
  let draft = null;

  function restore() {
    try {
      const found = JSON.parse(localStorage.getItem(key));
      if (Array.isArray(found?.entries) && Array.isArray(found?.changes)) return found;
    } catch {
      // nothing was kept, or nothing may be
    }
    return { by: "", entries: [], changes: [] };
  }

  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify(kept));
    } catch {
      // what is shown can still be saved as a file
    }
    show();
  }

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  function marker([lon, lat], kind) {
    const mark = document.createElement("i");
    mark.className = kind;
    mark.style.left = `${((lon - west) / (east - west)) * 100}%`;
    mark.style.top = `${((north - lat) / (north - south)) * 100}%`;
    $("map").append(mark);
  }

  function show() {
    for (const mark of $("map").querySelectorAll("i")) mark.remove();
    for (const entry of kept.entries) if (entry.position) marker(entry.position, "");
    if (draft) marker(draft, "draft");
    $("place").textContent = draft ? draft.map((value) => value.toFixed(6)).join(", ") : data.texts.add_place;
    $("added-title").textContent = data.texts.added.replace("{}", kept.entries.length + kept.changes.length);
    $("added").replaceChildren(...[...kept.entries, ...kept.changes].map(item));
  }

  function item(one) {
    const line = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = data.texts.remove;
    remove.addEventListener("click", () => {
      for (const name of ["entries", "changes"]) kept[name] = kept[name].filter((other) => other.uuid !== one.uuid);
      keep();
    });
    const words = one.text ?? Object.values(one.values).join(" · ");
    line.append(`${new Date(one.at).toLocaleString()} ${one.by}: ${words} `, remove);
    return line;
  }

  function by() {
    kept.by = $("by").value.trim();
    $("told").textContent = kept.by ? "" : data.texts.needs_both;
    return kept.by;
  }

  function fill() {
    const { base } = data.subjects[$("subject").value];
    $("name").value = base.name ?? "";
    $("note").value = base.note ?? "";
  }

  function place(event) {
    const box = $("map").getBoundingClientRect();
    const right = (event.clientX - box.left) / box.width;
    const down = (event.clientY - box.top) / box.height;
    draft = [west + right * (east - west), north - down * (north - south)].map((value) => Number(value.toFixed(9)));
    show();
  }

  function add(event) {
    event.preventDefault();
    const text = $("what").value.trim();
    if (!by() || !text) {
      $("told").textContent = data.texts.needs_both;
      return;
    }
    const entry = { uuid: uuid(), at: new Date().toISOString(), by: kept.by, kind: "note", text };
    if (draft) entry.position = draft;
    kept.entries.push(entry);
    draft = null;
    $("what").value = "";
    keep();
  }

  function rename(event) {
    event.preventDefault();
    const { of, ref, base } = data.subjects[$("subject").value];
    const said = { name: $("name").value.trim() || base.name, note: $("note").value.trim() || null };
    const changed = ["name", "note"].filter((name) => said[name] !== (base[name] ?? null));
    if (!by() || changed.length === 0) return;
    const part = (from) => Object.fromEntries(changed.map((name) => [name, from[name] ?? null]));
    const change = { uuid: uuid(), of, by: kept.by, at: new Date().toISOString(), base: part(base), values: part(said) };
    if (ref !== null) change.ref = String(ref);
    // what was changed before is changed once more, from what both sides know
    kept.changes = kept.changes.filter((other) => other.of !== of || (other.ref ?? null) !== (change.ref ?? null));
    kept.changes.push(change);
    keep();
  }

  function save() {
    if (!by()) return;
    const { format, incident, until } = data;
    const file = { format, incident, pack: until, made_at: new Date().toISOString(), ...kept };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
    link.download = `additions-${incident.slice(0, 8)}-${file.made_at.slice(0, 19).replace(/[:T]/g, "")}.json`;
    link.click();
  }

  data.subjects.forEach((subject, number) => $("subject").append(new Option(subject.title, number)));
  $("by").value = kept.by;
  $("map").addEventListener("click", place);
  $("add").addEventListener("submit", add);
  $("rename").addEventListener("submit", rename);
  $("subject").addEventListener("change", fill);
  $("save").addEventListener("click", save);
  fill();
  show();
})();
