// A list of any length of which only the rows in sight are elements.
const HEIGHT = 40;
const virtualList = (box, inner, {label, chosen}) => {
  let rows = [];
  let current = -1;
  const draw = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / HEIGHT) - 6);
    const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / HEIGHT) + 6);
    const elements = [];
    for (let place = first; place < last; place += 1) {
      const row = make("div", {className: "row", role: "option", id: `row${place}`}, ...label(rows[place]));
      row.setAttribute("aria-selected", String(place === current));
      row.setAttribute("aria-setsize", rows.length);
      row.setAttribute("aria-posinset", place + 1);
      row.style.top = `${place * HEIGHT}px`;
      row.dataset.place = place;
      elements.push(row);
    }
    inner.replaceChildren(...elements);
    if (current >= first && current < last) box.setAttribute("aria-activedescendant", `row${current}`);
    else box.removeAttribute("aria-activedescendant");
  };
  const select = (place) => {
    if (!rows.length) return;
    current = Math.min(Math.max(place, 0), rows.length - 1);
    const top = current * HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + HEIGHT - box.clientHeight;
    draw();
    chosen(rows[current], current);
  };
  const fill = (value, place) => {
    rows = value;
    current = -1;
    inner.style.height = `${rows.length * HEIGHT}px`;
    box.scrollTop = 0;
    draw();
    select(place);
  };
  let waiting = false;
  box.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  });
  box.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) select(Number(row.dataset.place));
  });
  box.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(box.clientHeight / HEIGHT) - 1);
    const moves = {ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: rows.length - 1};
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    select(moves[event.key]);
  });
  new ResizeObserver(draw).observe(box);
  return {fill, select, get current() { return current; }, get length() { return rows.length; }};
};
