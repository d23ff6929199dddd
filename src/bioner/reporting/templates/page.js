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
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((left, right) => compare(sortValue(left, column), sortValue(right, column), sign));
    body.append(...rows);
  }));
}
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
