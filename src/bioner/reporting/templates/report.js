// Definitions: the reproduced rows of Table 1 change in place; published ones stand as printed.
const choices = JSON.parse(document.getElementById("choices").textContent);
const table1 = document.getElementById("table1-table");
const picker = document.getElementById("definition");
const columnOf = (name) => [...table1.tHead.rows[0].cells].findIndex((head) => head.querySelector(".name").textContent === name);
const COLUMNS = {precision: columnOf("P"), recall: columnOf("R"), f1: columnOf("F1"), interval: columnOf("F1") + 1, difference: columnOf("Difference")};
const rowsOf = () => [...table1.tBodies[0].rows].filter((row) => "row" in row.dataset);
const original = new Map(rowsOf().map((row) => [row.dataset.row, Object.values(COLUMNS).map((column) => row.cells[column].cloneNode(true))]));
const setNumber = (cell, value) => {
  cell.textContent = value;
  cell.dataset.value = value;
};
const shape = (name, value, className) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  element.setAttribute(name === "path" ? "d" : "viewBox", value);
  element.setAttribute("class", className);
  return element;
};
// One standard deviation to each side, paler than an interval, on the scale of the table's intervals.
const drawSpread = (cell, value, sd) => {
  cell.replaceChildren();
  cell.dataset.value = sd ? (value - sd).toFixed(2) : "";
  if (!sd) return;
  const [low, high] = [0, 100];
  const svg = shape("svg", `${low} 0 ${high - low} 12`, "spread");
  for (const [name, content] of Object.entries({preserveAspectRatio: "none", width: 96, height: 12, "aria-hidden": "true"})) svg.setAttribute(name, content);
  const ends = [Math.max(low, value - sd), Math.min(high, Number(value) + Number(sd))];
  svg.append(shape("path", `M${low} 6H${high}`, "track"), shape("path", `M${ends[0]} 6H${ends[1]}`, "range"), shape("path", `M${value} 1V11`, "centre"));
  const bounds = Object.assign(document.createElement("span"), {className: "bounds", textContent: `± ${sd} (SD)`});
  cell.append(svg, document.createElement("br"), bounds);
};
const main = (found) => found.f1 ?? found.accuracy;
const scoresOf = (choice) => Object.entries(choice.cells).map(([key, found]) => {
  const [dataset, model] = key.split("\t");
  const [value, sd] = main(found);
  const cells = original.get(key);
  const bounds = choice.strict && cells ? cells[3].textContent.trim().split("–").map(Number) : [];
  const ends = bounds.length === 2 ? bounds : sd ? [value - sd, Number(value) + Number(sd)] : [Number(value), Number(value)];
  const range = bounds.length === 2 ? `${bounds[0]}–${bounds[1]} (95 %)` : sd ? `± ${sd} (SD)` : "one run";
  return {dataset, model, value: Number(value), low: ends[0], high: ends[1], shown: value, range};
});
const define = (choice) => {
  const accuracy = Object.values(choice.cells).every((found) => !("f1" in found));
  table1.tHead.rows[0].cells[COLUMNS.f1].querySelector(".name").textContent = accuracy ? "Accuracy" : "F1";
  table1.tHead.rows[0].cells[COLUMNS.interval].querySelector(".name").textContent = choice.strict ? "95 % interval of F1" : "Standard deviation";
  for (const row of rowsOf()) {
    const found = choice.cells[row.dataset.row] ?? {};
    const cells = original.get(row.dataset.row);
    if (choice.strict) {
      Object.values(COLUMNS).forEach((column, place) => row.cells[column].replaceWith(cells[place].cloneNode(true)));
      continue;
    }
    setNumber(row.cells[COLUMNS.precision], found.precision?.[0] ?? "");
    setNumber(row.cells[COLUMNS.recall], found.recall?.[0] ?? "");
    setNumber(row.cells[COLUMNS.f1], Object.keys(found).length ? main(found)[0] : "");
    setNumber(row.cells[COLUMNS.difference], "");
    const [value, sd] = Object.keys(found).length ? main(found) : ["", ""];
    drawSpread(row.cells[COLUMNS.interval], value, sd);
  }
  sortByMark(table1);
  document.getElementById("definition-note").textContent = choice.strict ? ""
    : `Reproduced rows: ${choice.label}, bars of one standard deviation from 0 to 100. Published rows stand as printed, and a difference is only told of strict micro F1.`;
  window.dispatchEvent(new CustomEvent("definition", {detail: scoresOf(choice)}));
};
if (picker) {
  picker.addEventListener("change", () => define(choices[picker.value]));
  window.addEventListener("load", () => define(choices[picker.value]));
}

// All definitions: one corpus at a time.
const matrix = document.getElementById("matrix");
const showMatrix = () => {
  for (const body of document.querySelectorAll("#matrix-table tbody")) body.hidden = body.dataset.block !== matrix.value;
};
if (matrix) {
  matrix.addEventListener("change", showMatrix);
  showMatrix();
}
