"use strict";
const sortValue = (row, column) => {
  const cell = row.cells[column];
  const text = "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim();
  return text === "" ? null : text;
};
const compare = (left, right, sign) => {
  if (left === null || right === null) return (left === null) - (right === null);
  const numbers = [Number(left), Number(right)];
  return sign * (numbers.some(Number.isNaN) ? left.localeCompare(right, "en") : numbers[0] - numbers[1]);
};
// Rows in the order that the mark of a heading tells; as they are where no heading has one.
const sortByMark = (table) => {
  const heads = [...table.tHead.rows[0].cells];
  const column = heads.findIndex((head) => head.hasAttribute("aria-sort"));
  if (column < 0) return;
  const sign = heads[column].getAttribute("aria-sort") === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((left, right) => compare(sortValue(left, column), sortValue(right, column), sign));
  body.append(...rows);
};
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head) => head.querySelector("button").addEventListener("click", () => {
    const told = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", told);
    sortByMark(table);
  }));
}
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
