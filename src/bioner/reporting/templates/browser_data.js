// Data files are scripts, for a page on disk may not fetch: each calls browser.put(name, value) when it is loaded.
const browser = (() => {
  const values = new Map();
  const arrivals = new Map();
  const put = (name, value) => arrivals.get(name)?.(value);
  const load = (name) => {
    if (!values.has(name)) {
      values.set(name, new Promise((resolve, reject) => {
        arrivals.set(name, resolve);
        const element = document.createElement("script");
        const fail = () => {
          values.delete(name);
          reject(new Error(`data/${name}.js is missing or damaged: make the report again`));
        };
        element.onerror = fail;
        element.onload = () => {
          element.remove();
          reject(new Error(`data/${name}.js is damaged: make the report again`)); // without effect once it has put its value
        };
        element.src = `data/${name}.js`;
        document.head.append(element);
      }));
    }
    return values.get(name);
  };
  return {put, load};
})();

// What became of each mention of a document: those found exactly, then the judgements, in reading order.
const CORRECT = 0;
const itemsOf = (gold, judged) => {
  const wrong = new Set(judged.map((judgement) => judgement[1]));
  const exact = gold.map((mention, place) => ({kind: CORRECT, gold: mention, predicted: mention, score: -1, place}))
    .filter((item) => !wrong.has(item.place));
  const errors = judged.map(([kind, place, score, ...predicted]) => ({
    kind,
    gold: place < 0 ? null : gold[place],
    predicted: predicted.length ? predicted : null,
    score: predicted.length ? score : -1,
  }));
  const start = (item) => (item.gold ?? item.predicted)[1];
  return [...exact, ...errors].sort((left, right) => start(left) - start(right));
};

// How many mentions of a document are of a kind ("any" is every error) and of a type; null is any type.
const countMatches = (gold, judged, kind, type) => {
  const fits = (judgement) => type === null || (judgement[1] >= 0 && gold[judgement[1]][0] === type) || judgement[3] === type;
  if (kind !== CORRECT) return judged.reduce((sum, judgement) => sum + ((kind === "any" || judgement[0] === kind) && fits(judgement)), 0);
  const wrong = new Set(judged.map((judgement) => judgement[1]));
  return gold.reduce((sum, mention, place) => sum + (!wrong.has(place) && (type === null || mention[0] === type)), 0);
};
