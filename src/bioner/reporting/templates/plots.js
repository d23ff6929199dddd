// Plots: drawn when the library has come; without it their places say where the values stand.
const specs = JSON.parse(document.getElementById("plots").textContent);
const drawn = {};
let latest = null;
const showScores = () => {
  if (latest && drawn.scores) drawn.scores.view.data("scores", latest).runAsync();
};
window.addEventListener("definition", (event) => {
  latest = event.detail;
  showScores();
});
window.addEventListener("load", async () => {
  for (const place of document.querySelectorAll("[data-plot]")) {
    const name = place.dataset.plot;
    if (!window.vegaEmbed) {
      place.textContent = "The plot needs the file data/vega.js, which is not beside this page; the tables hold the same values.";
      place.classList.add("plot-failure");
      continue;
    }
    if (name === "scores") specs.scores.data.values = latest ?? [];
    drawn[name] = await vegaEmbed(place, specs[name], {ast: true, actions: false, renderer: "svg", logLevel: 1});
  }
});
