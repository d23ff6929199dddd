// A document's text with its mentions marked. Texts only ever become text nodes: nothing of a corpus is read as markup.
const make = (name, properties = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};
const words = (name) => name.replaceAll("_", " ");

// Offsets are code points; a string's own are UTF-16 units.
const cutter = (text) => {
  if (!/[\ud800-\udfff]/.test(text)) return (start, end) => text.slice(start, end);
  const points = Array.from(text);
  return (start, end) => points.slice(start, end).join("");
};
const spansOf = (mention) => {
  const spans = [];
  for (let place = 1; place < mention.length; place += 2) spans.push([mention[place], mention[place + 1]]);
  return spans;
};
const surface = (cut, mention) => spansOf(mention).map(([start, end]) => cut(start, end)).join(" … ");

// The text between two borders has the same mentions and edits from end to end.
const markText = (text, items, edits, types) => {
  const cut = cutter(text);
  const length = Array.from(text).length;
  const layers = [];
  items.forEach((item, number) => {
    for (const side of ["gold", "predicted"]) {
      if (item[side]) for (const [start, end] of spansOf(item[side])) layers.push({side, start, end, item, number});
    }
  });
  for (const [start, end] of edits) layers.push({side: "edit", start, end});
  const borders = [...new Set([0, length, ...layers.flatMap((layer) => [layer.start, layer.end])])].sort((left, right) => left - right);
  const opening = byStart(layers);
  const result = document.createDocumentFragment();
  let open = [];
  borders.forEach((start, place) => {
    open = [...open.filter((layer) => layer.end > start), ...(opening.get(start) ?? [])];
    if (open.some((layer) => layer.end === layer.start)) {
      result.append(make("span", {className: "cut", title: "the attack removed text here", "aria-hidden": "true"}, "‸"));
      open = open.filter((layer) => layer.end > layer.start);
    }
    const end = borders[place + 1];
    if (end === undefined) return;
    result.append(segment(cut(start, end), open));
    for (const layer of open.filter((other) => other.end === end && other.side !== "edit")) result.append(...tags(layer, end, types));
  });
  return result;
};
const byStart = (layers) => {
  const groups = new Map();
  for (const layer of layers) groups.set(layer.start, [...(groups.get(layer.start) ?? []), layer]);
  return groups;
};
const segment = (text, open) => {
  if (!open.length) return document.createTextNode(text);
  const sides = (side) => open.filter((layer) => layer.side === side).length;
  const mentions = open.filter((layer) => layer.side !== "edit");
  const classes = [
    sides("gold") && "g", sides("gold") > 1 && "gg", sides("predicted") && "p", sides("predicted") > 1 && "pp", sides("edit") && "edit",
    mentions.length && (mentions.every((layer) => layer.item.kind === CORRECT) ? "ok" : "bad"),
  ].filter(Boolean);
  const element = make("span", {className: `seg ${classes.join(" ")}`}, text);
  if (mentions.length) element.dataset.items = [...new Set(mentions.map((layer) => layer.number))].join(" ");
  return element;
};
// One label where both sides agree on the type, at the end of gold; else one for each side.
const tags = ({side, item}, end, types) => {
  const agreed = item.gold && item.predicted && item.gold[0] === item.predicted[0];
  if (item[side].at(-1) !== end || (agreed && side === "predicted")) return [];
  return [make("span", {className: agreed ? "tag both" : `tag ${side}`, "aria-hidden": "true"}, types[item[side][0]])];
};

// The same as a table, which is also how it reads without eyes.
const mentionTable = (text, items, types, kinds, caption) => {
  const cut = cutter(text);
  const cell = (mention) => make("td", {}, ...(mention ? [make("bdi", {}, surface(cut, mention)), " ", make("span", {className: "type"}, types[mention[0]])] : ["–"]));
  const heads = ["Kind", "Gold", "Predicted", "Score"].map((name) => make("th", {scope: "col", className: name === "Score" ? "plain number" : "plain"}, name));
  const body = items.map((item) => {
    const row = make("tr", {}, make("th", {scope: "row"}, words(kinds[item.kind])), cell(item.gold), cell(item.predicted), make("td", {className: "number"}, item.score < 0 ? "" : (item.score / 1000).toFixed(3)));
    row.dataset.item = item.number;
    return row;
  });
  const table = make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
  return make("div", {className: "wide", role: "group", "aria-label": caption, tabIndex: 0}, table);
};
const paneOf = ({title, text, items, edits, note}, types, kinds) => {
  items.forEach((item, number) => { item.number = number; });
  const errors = items.filter((item) => item.kind !== CORRECT);
  const exact = items.filter((item) => item.kind === CORRECT);
  const told = `${exact.length} found exactly, ${errors.length} ${errors.length === 1 ? "error" : "errors"}${note ? `; ${note}` : ""}`;
  const parts = [make("h3", {}, title), make("p", {className: "told"}, told), make("div", {className: "text", dir: "auto"}, markText(text, items, edits, types))];
  if (errors.length) parts.push(mentionTable(text, errors, types, kinds, `Errors: ${title}`));
  if (exact.length) parts.push(make("details", {}, make("summary", {}, `${exact.length} found exactly`), mentionTable(text, exact, types, kinds, `Found exactly: ${title}`)));
  const pane = make("article", {className: "pane"}, ...parts);
  pane.setAttribute("aria-label", title);
  return pane;
};
