// Filters, list and document together; the address after # says what is shown, so that it can be kept and passed on.
const NAMES = ["dataset", "fold", "model", "seed", "condition", "type", "kind", "order", "query"];
const at = (id) => document.getElementById(id);
const control = Object.fromEntries(NAMES.map((name) => [name, at(name)]));
const choice = (name) => control[name].value;
let index;
let shown = null;
let round = 0;

const fail = (error) => {
  at("failure").textContent = error.message;
  at("failure").hidden = false;
};
const options = (name, values, wanted) => {
  const kept = wanted ?? choice(name);
  control[name].replaceChildren(...values.map(([value, text]) => make("option", {value, textContent: text})));
  control[name].value = values.some(([value]) => value === kept) ? kept : values[0][0];
};
const plain = (values) => [...new Set(values)].map((value) => [String(value), String(value)]);
const corpus = () => index.corpora.find((entry) => entry.name === choice("dataset"));
const runsShown = () => index.runs.filter((run) => run.dataset === choice("dataset") && run.model === choice("model")
  && String(run.seed) === choice("seed") && ["all", String(run.fold)].includes(choice("fold")));

const fillFilters = (wanted = {}) => {
  options("dataset", index.corpora.map((entry) => [entry.name, entry.title]), wanted.dataset);
  const runs = index.runs.filter((run) => run.dataset === choice("dataset"));
  const folds = plain(runs.map((run) => run.fold));
  options("fold", folds.length > 1 ? [["all", "all"], ...folds] : folds, wanted.fold);
  options("model", plain(runs.map((run) => run.model)), wanted.model);
  options("seed", plain(runs.map((run) => run.seed)), wanted.seed);
  const conditions = [...new Set(runsShown().flatMap((run) => Object.keys(run.conditions)))];
  options("condition", conditions.map((name) => [name, name === "clean" ? "none (clean)" : words(name)]), wanted.condition);
  options("type", [["", "all"], ...corpus().types.map((name, number) => [String(number), name]).sort((left, right) => left[1].localeCompare(right[1], "en"))], wanted.type);
  options("kind", [["", "all documents"], ["any", "any error"], ...index.kinds.map((name, number) => [String(number), words(name)])], wanted.kind);
  options("order", [["file", "as in the test set"], ["count", "most matches first"]], wanted.order);
  if (wanted.query !== undefined) control.query.value = wanted.query;
};

const testSet = (run) => `${run.dataset}/fold${run.fold}`;
const judgedOf = async (run, condition) => {
  const [docs, judged] = await Promise.all([
    browser.load(`${testSet(run)}/${run.conditions[condition]}.docs`),
    browser.load(`${testSet(run)}/${run.model}.seed${run.seed}.${condition}`),
  ]);
  return {docs, judged};
};
const list = virtualList(at("list"), at("rows"), {
  label: (row) => [make("span", {className: "id"}, row.id), make("span", {className: "count"}, String(row.count))],
  chosen: (row) => show(row).catch(fail),
});

const refresh = async (wanted = "") => {
  const mine = ++round;
  at("failure").hidden = true;
  const condition = choice("condition");
  const kind = {"": "any", any: "any"}[choice("kind")] ?? Number(choice("kind"));
  const type = choice("type") === "" ? null : Number(choice("type"));
  const query = choice("query").trim().toLowerCase();
  const runs = runsShown().filter((run) => condition in run.conditions);
  const found = await Promise.all(runs.map((run) => judgedOf(run, condition)));
  if (mine !== round) return;
  const rows = [];
  found.forEach(({docs, judged}, number) => docs.ids.forEach((id, place) => {
    if (query && !id.toLowerCase().includes(query)) return;
    const count = countMatches(docs.gold[place], judged[place], kind, type);
    if (count || (choice("kind") === "" && (type === null || docs.gold[place].some((mention) => mention[0] === type)))) rows.push({run: runs[number], id, place, count});
  }));
  if (choice("order") === "count") rows.sort((left, right) => right.count - left.count);
  const all = found.reduce((sum, {docs}) => sum + docs.ids.length, 0);
  const matches = rows.reduce((sum, row) => sum + row.count, 0);
  const what = typeof kind === "number" ? words(index.kinds[kind]) : matches === 1 ? "error" : "errors";
  const number = (value) => value.toLocaleString("en");
  at("status").textContent = `${number(rows.length)} of ${number(all)} documents, ${number(matches)} ${what}`;
  if (!rows.length) {
    shown = null;
    at("name").textContent = "No document fits these filters";
    at("panes").replaceChildren();
  }
  list.fill(rows, Math.max(0, rows.findIndex((row) => row.id === wanted)));
};

const textOf = async (run, gold, place) => {
  const chunk = await browser.load(`${testSet(run)}/${gold}.text${Math.floor(place / index.chunk)}`);
  return chunk[place % index.chunk];
};
const partOf = async (run, condition, place) => {
  const [{docs, judged}, [text, edits = [], originals = []]] = await Promise.all([judgedOf(run, condition), textOf(run, run.conditions[condition], place)]);
  return {text, items: itemsOf(docs.gold[place], judged[place]), edits, originals};
};
const show = async (row) => {
  const condition = choice("condition");
  shown = {row, error: -1};
  keep();
  const here = shown;
  const parts = await Promise.all([...new Set(["clean", condition])].map((name) => partOf(row.run, name, row.place)));
  if (here !== shown) return;
  const [clean, attacked] = parts;
  const same = attacked && row.run.conditions[condition] === "clean";
  const panes = [{...clean, title: attacked ? "Clean" : "Document", edits: attacked?.originals ?? [], note: ""}];
  if (attacked) {
    const edits = attacked.edits.length;
    const note = same ? "the text is the same" : `${edits} ${edits === 1 ? "edit" : "edits"}`;
    panes.push({...attacked, title: condition === "postprocessed" ? "Post-processed" : `Under ${words(condition)}`, note});
  }
  const {types} = corpus();
  at("name").textContent = row.id;
  at("panes").className = attacked ? "two" : "";
  at("panes").replaceChildren(...panes.map((pane) => paneOf(pane, types, index.kinds)));
  at("spoken").textContent = `${row.id}: ${at("panes").lastElementChild.querySelector(".told").textContent}`;
  if (here.enter) stepError(here.enter);
};

// Errors of the last pane, which is the attacked one where there are two.
const errorRows = () => [...(at("panes").lastElementChild?.querySelectorAll(":scope > .wide tbody tr") ?? [])];
const mark = (pane, item) => {
  for (const element of at("panes").querySelectorAll(".current")) element.classList.remove("current");
  const row = [...pane.querySelectorAll("tbody tr")].find((other) => other.dataset.item === String(item));
  row?.classList.add("current");
  const pieces = [...pane.querySelectorAll(".seg")].filter((piece) => piece.dataset.items?.split(" ").includes(String(item)));
  pieces.forEach((piece) => piece.classList.add("current"));
  pieces[0]?.scrollIntoView({block: "center"});
  return row;
};
const stepError = (direction) => {
  if (!shown) return;
  const rows = errorRows();
  const next = shown.error < 0 ? (direction > 0 ? 0 : rows.length - 1) : shown.error + direction;
  if (next >= 0 && next < rows.length) {
    shown.error = next;
    mark(at("panes").lastElementChild, rows[next].dataset.item);
    at("spoken").textContent = `Error ${next + 1} of ${rows.length}: ${[...rows[next].cells].map((cell) => cell.textContent).join(", ")}`;
  } else stepDocument(direction, direction);
};
const stepDocument = (direction, enter = 0) => {
  const place = list.current + direction;
  if (place < 0 || place >= list.length) return;
  list.select(place);
  shown.enter = enter;
};

const keep = () => {
  const state = new URLSearchParams(NAMES.map((name) => [name, choice(name)]).filter(([, value]) => value !== ""));
  if (shown) state.set("id", shown.row.id);
  history.replaceState(null, "", `#${state}`);
};
const fromAddress = () => {
  const {id, ...wanted} = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  fillFilters({query: "", type: "", kind: "", ...wanted});
  return refresh(id);
};

at("choices").addEventListener("submit", (event) => event.preventDefault());
at("choices").addEventListener("input", (event) => {
  if (event.target === control.dataset) control.type.value = "";
  const id = shown?.row.id;
  fillFilters();
  refresh(id).then(keep).catch(fail);
});
at("panes").addEventListener("click", (event) => {
  const place = event.target.closest("[data-items], [data-item]");
  const pane = event.target.closest(".pane");
  if (!place || !pane || getSelection().toString()) return;
  const items = (place.dataset.items ?? place.dataset.item).split(" ");
  mark(pane, items.at(-1));
  if (pane === at("panes").lastElementChild) shown.error = errorRows().findIndex((row) => row.dataset.item === items.at(-1));
});
const actions = {
  j: () => stepDocument(1), k: () => stepDocument(-1), n: () => stepError(1), p: () => stepError(-1),
  "/": () => { at("filters").open = true; control.query.focus(); }, "?": () => at("help").showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open || event.target.closest("select, input") || !(event.key in actions)
    || !at("letters").checked) return;
  event.preventDefault();
  actions[event.key]();
});
for (const [id, key] of Object.entries({"previous-document": "k", "next-document": "j", "previous-error": "p", "next-error": "n", "help-button": "?"})) {
  at(id).addEventListener("click", () => actions[key]());
}
window.addEventListener("hashchange", () => fromAddress().catch(fail));
if (matchMedia("(max-width: 48rem)").matches) at("filters").open = false;
browser.load("index").then((value) => {
  index = value;
  return fromAddress();
}).catch(fail);
