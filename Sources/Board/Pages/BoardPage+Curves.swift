extension BoardPage {
    /// Curves of the run that is looked at and of those it is compared with, drawn as SVG.
    ///
    /// Smoothed as LLaMA Board does it: an exponential mean with weight 1.8·(σ(0.05·n) − 0.5) for n points,
    /// over the raw curve at 40 % opacity.
    static let curves = #"""
        const colours = ["#0b72d0", "#d1570d", "#2a8c4a", "#9345c4", "#c62f5d", "#7a6a00", "#008b8b", "#777"];
        const namesOf = {
          loss: "loss", lr: "learning rate", grad_norm: "gradient norm", throughput: "tokens/s",
        };

        function smooth(values) {
          const weight = 1.8 * (1 / (1 + Math.exp(-0.05 * values.length)) - 0.5);
          let last = values[0];
          return values.map((value) => (last = last * weight + (1 - weight) * value));
        }

        /// The charts that some runs have: losses first, then rewards and whatever else is logged.
        function chartsOf(series) {
          const skipped = ["current_steps", "total_steps", "epoch", "percentage", "total_tokens",
            "step_seconds", "elapsed_time", "remaining_time", "loss_scale"];
          const found = new Set();
          for (const { lines } of series) {
            for (const line of lines) {
              for (const [key, value] of Object.entries(line)) {
                if (typeof value !== "number" || skipped.includes(key)) continue;
                found.add(key.startsWith("eval_") ? key.slice(5) : key);
              }
            }
          }
          const first = ["loss", "lr", "grad_norm"];
          const rest = [...found].filter((key) => !first.includes(key)).sort((a, b) =>
            b.startsWith("reward") - a.startsWith("reward") || a.localeCompare(b));
          return [...first.filter((key) => found.has(key)), ...rest];
        }

        const pointsOf = (lines, key) => lines
          .filter((line) => Number.isFinite(line[key]))
          .map((line) => [line.current_steps, line[key]]);

        function drawCurves() {
          const series = [];
          if (shownRun) series.push({ name: shownRun, lines: runSteps });
          for (const [name, lines] of compared) if (name !== shownRun) series.push({ name, lines });
          $("curves").replaceChildren(...chartsOf(series).map((key) => chart(key, series)));
        }

        const svg = (tag, attributes, text) => {
          const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
          for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
          if (text != null) element.textContent = text;
          return element;
        };

        function ticks(low, high) {
          const size = 10 ** Math.floor(Math.log10((high - low) / 4));
          const step = [1, 2, 5, 10].map((k) => k * size).find((s) => (high - low) / s <= 5);
          const found = [];
          for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) {
            found.push(value);
          }
          return found;
        }

        function chart(key, series) {
          const all = series.map(({ name, lines }, index) => ({
            name, colour: colours[index % colours.length],
            training: pointsOf(lines, key), trial: pointsOf(lines, "eval_" + key),
          })).filter((one) => one.training.length + one.trial.length > 0);
          const points = all.flatMap((one) => [...one.training, ...one.trial]);
          let [x0, x1] = [Math.min(...points.map((p) => p[0])), Math.max(...points.map((p) => p[0]))];
          let [y0, y1] = [Math.min(...points.map((p) => p[1])), Math.max(...points.map((p) => p[1]))];
          if (x0 === x1) { x0 -= 1; x1 += 1; }
          if (y0 === y1) { const pad = Math.abs(y0) * 0.1 || 1; y0 -= pad; y1 += pad; }
          const [width, height, left, right, top, bottom] = [420, 240, 58, 410, 10, 214];
          const x = (value) => left + (right - left) * (value - x0) / (x1 - x0);
          const y = (value) => bottom - (bottom - top) * (value - y0) / (y1 - y0);
          const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
          picture.append(svg("title", {}, `${namesOf[key] || key}: ` + all.map((one) =>
            `${one.name} ${figure((one.training.at(-1) || one.trial.at(-1))[1])}`).join(", ")));
          for (const value of ticks(y0, y1)) {
            picture.append(
              svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), stroke: "currentColor",
                "stroke-opacity": 0.15 }),
              svg("text", { x: left - 4, y: y(value) + 4, "text-anchor": "end" }, figure(value, 3)));
          }
          for (const value of ticks(x0, x1).filter(Number.isInteger)) {
            picture.append(svg("text", { x: x(value), y: height - 8, "text-anchor": "middle" }, value));
          }
          const path = (list) => list.map(([a, b], i) =>
            `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
          for (const one of all) {
            const line = (list, more) => list.length > 0 && picture.append(svg("path", {
              d: path(thin(list)), fill: "none", stroke: one.colour, "stroke-width": 1.5, ...more }));
            if (key === "loss" || key.startsWith("reward")) {
              line(one.training, { "stroke-opacity": 0.4 });
              const means = smooth(one.training.map((p) => p[1]));
              line(one.training.map((p, i) => [p[0], means[i]]), { "stroke-width": 2 });
            } else line(one.training, {});
            line(one.trial, { "stroke-dasharray": "5 4", "stroke-width": 2 });
            for (const [a, b] of one.trial.length <= 50 ? one.trial : []) {
              picture.append(svg("circle", { cx: x(a), cy: y(b), r: 3, fill: one.colour }));
            }
          }
          const legend = make("div", { class: "legend" }, ...all.map((one) => make("span", {},
            make("i", { style: `background:${one.colour}` }), one.name,
            one.trial.length ? ` (- - ${t("trial")})` : "")));
          return make("figure", { "data-chart": key },
            make("figcaption", {}, namesOf[key] || key), picture, legend);
        }

        /// At most a thousand points: the eye sees no more.
        function thin(list) {
          if (list.length <= 1000) return list;
          const step = list.length / 1000;
          return Array.from({ length: 1000 }, (_, i) => list[Math.floor(i * step)]).concat([list.at(-1)]);
        }
        """#
}
